package api

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"director/control"
	"director/packet"
)

// Connection is a connection, or a persistence template.
type Connection struct {
	Proto   string  `json:"proto"`   // tcp, udp, sctp, or ip for the template of a firewall mark
	Expires float64 `json:"expires"` // seconds
	State   string  `json:"state"`
	Client  string  `json:"client"`
	Virtual string  `json:"virtual"`
	Server  string  `json:"server"`
	Engine  string  `json:"engine,omitempty"`
	Data    string  `json:"engine_data,omitempty"`
}

// Connections is one page of connections, the oldest first. Next is the offset of the next
// page, or 0 on the last page.
type Connections struct {
	Total       int          `json:"total"` // connections that match the filter
	Next        int          `json:"next,omitempty"`
	Connections []Connection `json:"connections"`
}

const (
	defaultPage = 1000
	// maxPage limits the memory for an answer.
	maxPage = 100_000
)

// filter selects the connections that match all fields that are set.
type filter struct {
	proto, state    string
	client          netip.Prefix
	virtual, server string
	offset, limit   int
}

func filterOf(q url.Values) (f filter, err error) {
	f = filter{proto: q.Get("proto"), state: q.Get("state"), virtual: q.Get("virtual"), server: q.Get("server"), limit: defaultPage}
	for name := range q {
		switch value := q.Get(name); name {
		case "proto", "state", "virtual", "server":
		case "client":
			if f.client, err = netip.ParsePrefix(value); err != nil {
				var a netip.Addr
				if a, err = netip.ParseAddr(value); err == nil {
					f.client = netip.PrefixFrom(a, a.BitLen())
				}
			}
		case "offset":
			f.offset, err = strconv.Atoi(value)
			if err == nil && f.offset < 0 {
				err = fmt.Errorf("want 0 or more")
			}
		case "limit":
			f.limit, err = strconv.Atoi(value)
			if err == nil && (f.limit < 1 || f.limit > maxPage) {
				err = fmt.Errorf("want 1 to %d", maxPage)
			}
		default:
			err = fmt.Errorf("unknown parameter: want proto, state, client, virtual, server, offset or limit")
		}
		if err != nil {
			return f, fmt.Errorf("%s: %w", name, err)
		}
	}
	return f, nil
}

// at reports whether an endpoint matches want, which is an address with or without a
// port. An empty want matches all.
func at(e netip.AddrPort, want string) bool {
	return want == "" || want == e.String() || want == e.Addr().String()
}

func protoName(proto uint8) string { return cmp.Or(packet.ProtoName(proto), "ip") }

func (f *filter) fits(c *control.Connection) bool {
	return (f.proto == "" || f.proto == protoName(c.Proto)) && (f.state == "" || f.state == c.State) &&
		(!f.client.IsValid() || f.client.Contains(c.Client.Addr())) && at(c.Virtual, f.virtual) && at(c.Server, f.server)
}

// page returns the page of the connections that f selects.
func (f *filter) page(all []control.Connection) Connections {
	p := Connections{Connections: []Connection{}}
	for i := range all {
		c := &all[i]
		if !f.fits(c) {
			continue
		}
		if p.Total >= f.offset && len(p.Connections) < f.limit {
			p.Connections = append(p.Connections, Connection{
				Proto: protoName(c.Proto), Expires: c.Expires.Seconds(), State: c.State,
				Client: c.Client.String(), Virtual: c.Virtual.String(), Server: c.Server.String(),
				Engine: c.Engine, Data: c.EngineData,
			})
		}
		p.Total++
	}
	if next := f.offset + len(p.Connections); next < p.Total {
		p.Next = next
	}
	return p
}

// control returns the connection as package control lists it.
func (c *Connection) control() (control.Connection, error) {
	l := control.Connection{
		Expires: time.Duration(c.Expires * float64(time.Second)), State: c.State, Engine: c.Engine, EngineData: c.Data,
	}
	l.Proto, _ = packet.ParseProto(c.Proto)
	for _, e := range []struct {
		to   *netip.AddrPort
		from string
	}{{&l.Client, c.Client}, {&l.Virtual, c.Virtual}, {&l.Server, c.Server}} {
		var err error
		if *e.to, err = netip.ParseAddrPort(e.from); err != nil {
			return l, err
		}
	}
	return l, nil
}
