package capture

import (
	"strconv"

	"director/dataplane"
	"director/packet"
	"director/service"
)

// methods are the names of the forwarding methods in comments.
var methods = [...]string{service.NAT: "NAT", service.DR: "direct routing", service.TUN: "tunnelling"}

// comment builds the comment of a record. Its memory is reused for the next record.
type comment struct{ b []byte }

// of returns the comment on r:
//
//	VERDICT: the reason or other details, separated by commas
//	tx: to 10.0.0.11:8080 by NAT, leaves by eth1
//	drop: bad-source
func (c *comment) of(r *dataplane.TapRecord, ifaces []string) []byte {
	c.b = append(append(c.b[:0], verdicts[r.Verdict]...), ':')
	switch {
	case r.Verdict != packet.Tx:
		c.say(r.Reason.String())
	case r.Reason == packet.MTU:
		c.say("in fragments")
	}
	switch r.Point {
	case dataplane.TapWaited:
		c.say("waited for its next hop's address")
	case dataplane.TapMade:
		c.say("created by the director")
	case dataplane.TapPiece:
		c.say("fragmented by the director")
	}
	if r.Known {
		c.connection(r)
	}
	switch {
	case r.Point == dataplane.TapReceived && r.Verdict == packet.Tx:
		c.say("leaves by ", ifaces[r.Other])
	case r.Point == dataplane.TapSent:
		c.say("received on ", ifaces[r.Other])
	}
	return c.b
}

// connection adds where the frame goes to or comes from.
func (c *comment) connection(r *dataplane.TapRecord) {
	switch {
	case int(r.Method) >= len(methods):
		c.say("bypasses the servers")
	case r.Answer:
		c.say("from ")
		c.endpoint(r.Server, r.ServerPort)
		c.b = append(c.b, " as "...)
		c.endpoint(r.Virtual, r.VirtualPort)
	default:
		c.say("to ")
		c.endpoint(r.Server, r.ServerPort)
		c.b = append(append(c.b, " by "...), methods[r.Method]...)
	}
}

// say starts the next part of the comment.
func (c *comment) say(parts ...string) {
	if c.b[len(c.b)-1] != ':' {
		c.b = append(c.b, ',')
	}
	c.b = append(c.b, ' ')
	for _, s := range parts {
		c.b = append(c.b, s...)
	}
}

func (c *comment) endpoint(a packet.Addr, port uint16) {
	c.b = append(a.Netip().AppendTo(c.b), ':')
	c.b = strconv.AppendUint(c.b, uint64(port), 10)
}
