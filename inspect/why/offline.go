package why

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"director/conntrack"
	"director/control"
	"director/control/config"
	"director/dataplane"
	"director/dataplane/memport"
	"director/inspect/pcap"
	"director/inspect/replay"
	"director/neigh"
	"director/packet"
	"director/service"
)

// anyInterface is the interface of a host that is not described.
const anyInterface = "eth0"

// dummy is the address of a host that is not described. It is the "IPv4 dummy address"
// (RFC 7600 §6), which no host has.
var dummy = netip.MustParsePrefix("192.0.0.8/32")

// Offline answers a question for a director that is not running, with the rules and flags
// of c. r describes its host. If it has no link, one is invented that reaches every
// address directly.
func Offline(c *config.Config, r *config.Replay, q *Question) ([]Explanation, error) {
	var notes []string
	if len(r.Links) == 0 {
		c, r = invent(c, q)
		notes = []string{"no --link describes the host: assumed that every address is on the link of " + c.Interfaces[0]}
	}
	conns, err := conntrack.New(min(c.ConnTableSize, leastTable))
	if err != nil {
		return nil, err
	}
	defer conns.Close()
	if c.TCPStrict {
		if err := conns.TrackStreams(); err != nil {
			return nil, err
		}
	}
	// A time that is far enough from the start: nothing has happened recently.
	var clock memport.Clock
	clock.Advance(24 * time.Hour)
	d := &Director{Shared: dataplane.New(dataplane.Options{
		Conns: conns, Clock: clock.Now, Resolver: memport.NoResolver{}, ICMPRate: c.ICMPRateLimit, ICMPMask: c.ICMPRateMask,
	})}
	d.Control = control.New(control.Options{
		Shared: d.Shared, Workers: 1, Marks: c.Marks, Timeouts: c.Timeouts, Sysctl: c.Sysctl,
		Hops: func(t *service.Table) *neigh.Table {
			return neigh.New(replay.Host(c, r), control.Addresses(t))
		},
		Seed: 1, // always the same answer

		SkipUnreachable: c.SkipUnreachable,
	})
	if err := d.Control.Add(c.Services); err != nil {
		return nil, wrong("%w", err)
	}
	all, err := d.Explain(q)
	if len(all) > 0 {
		all[0].Notes = append(notes, all[0].Notes...)
	}
	return all, err
}

// leastTable is the size of a small table. It stays empty: connections begin in the
// shadow.
const leastTable = 1 << 16

// invent returns c with a description of a host that has its interfaces. All addresses
// are reached by the first one.
func invent(c *config.Config, q *Question) (*config.Config, *config.Replay) {
	copied := *c
	c = &copied
	if len(c.Interfaces) == 0 {
		c.Interfaces = []string{anyInterface}
	}
	known := map[packet.Addr]bool{}
	for _, s := range c.Services {
		for _, server := range s.Servers {
			known[server.Addr] = true
		}
	}
	macs := map[string]packet.MAC{}
	if q.Capture != nil {
		learn(c, q, known, macs)
	} else if flow, err := q.flow(); err == nil {
		known[flow.Src], known[flow.Dst] = true, true
	}
	r := &config.Replay{Routes: []config.Route{{Dst: netip.MustParsePrefix("0.0.0.0/0"), Interface: c.Interfaces[0]}}}
	for i, name := range c.Interfaces {
		mac, ok := macs[name]
		if !ok {
			mac = packet.MAC{2, 0, 0, 0, 0, byte(i + 1)}
		}
		r.Links = append(r.Links, config.Link{Name: name, MAC: mac, MTU: ethernetMTU, Addrs: []netip.Prefix{dummy}})
	}
	c.Neighbors = slices.Clone(c.Neighbors)
	for a := range known {
		c.Neighbors = append(c.Neighbors, config.Neighbor{IP: a.Netip(), MAC: invented(a), Interface: c.Interfaces[0]})
	}
	return c, r
}

const ethernetMTU = 1500

// learn collects the addresses in the capture, and the Ethernet addresses of the
// interfaces: a frame to the address of a service was sent to an interface. Errors of the
// capture are reported when it is read the next time.
func learn(c *config.Config, q *Question, known map[packet.Addr]bool, macs map[string]packet.MAC) {
	capture, err := pcap.NewReader(bytes.NewReader(q.Capture))
	if err != nil {
		return
	}
	for {
		f, err := capture.Next()
		if err != nil {
			return
		}
		for _, a := range addresses(f.Data) {
			known[a] = true
		}
		name := f.Interface
		if q.Interface != "" {
			name = q.Interface
		} else if name == "" {
			name = c.Interfaces[0]
		}
		if h := parse(f.Data); h.L3 != 0 && macs[name].IsZero() && virtual(c, h.Dst) {
			macs[name] = packet.Eth(f.Data).Dst()
		}
	}
}

// virtual reports whether a is the address of a service or inside a firewall mark's
// prefix.
func virtual(c *config.Config, a packet.Addr) bool {
	return slices.ContainsFunc(c.Services, func(s service.Spec) bool { return s.Mark == 0 && s.Addr == a }) ||
		slices.ContainsFunc(c.Marks, func(m service.Mark) bool { return m.Prefix.Contains(a.Netip()) })
}
