// Package memlab is a director in memory: the control plane and a worker, with
// frames that tests push and take instead of interfaces. It needs no privilege.
package memlab

import (
	"net/netip"
	"testing"
	"time"

	"director/conntrack"
	"director/control"
	"director/dataplane"
	"director/dataplane/memport"
	"director/dataplane/sysctl"
	"director/neigh"
	"director/packet"
	"director/service"
)

// Options of a director. The zero Options are one interface with the network of OneLink.
type Options struct {
	Size    int // of the connection table; 0: 4096
	Marks   []service.Mark
	Network neigh.Snapshot // with an interface for each link that has one; no links: OneLink
	Clock   func() int64   // of the workers; nil: Director.Clock
}

// Director is a director of one worker, with a queue on each interface. One goroutine
// pushes frames and has the worker make steps; Control may be used by any.
type Director struct {
	*control.Control
	Shared *dataplane.Engine
	Clock  memport.Clock
	Ports  []*memport.Port // by interface: what comes and goes
	Hosts  []*memport.Port // by interface: what the kernel gets
	Worker *dataplane.Worker
	Wanted []packet.Addr // the neighbours that were asked for

	t testing.TB
}

// Want makes the director its own resolver, who never answers.
func (d *Director) Want(a packet.Addr, _ uint8) { d.Wanted = append(d.Wanted, a) }

// New makes a director with these services. All that is random follows from the
// same seed.
func New(t testing.TB, o Options, specs ...service.Spec) *Director {
	t.Helper()
	if o.Size == 0 {
		o.Size = 4096
	}
	if o.Network.Links == nil {
		o.Network = OneLink("10.0.0.11", "10.0.0.12", "10.0.0.13")
	}
	d := &Director{t: t}
	if o.Clock == nil {
		o.Clock = d.Clock.Now
	}
	conns, err := conntrack.NewSeeded(o.Size, [3]uint64{0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb})
	d.must(err)
	t.Cleanup(conns.Close)
	d.Shared = dataplane.New(dataplane.Options{
		Conns: conns, Clock: o.Clock, Resolver: d, ICMPRate: time.Second, ICMPMask: 6168,
	})
	d.Control = control.New(control.Options{
		Shared: d.Shared, Workers: 1, Marks: o.Marks, Seed: 1,
		Hops:     func(t *service.Table) *neigh.Table { return neigh.New(o.Network, control.Addresses(t)) },
		Timeouts: control.Timeouts{TCP: 900, TCPFIN: 120, UDP: 300},
		Sysctl:   sysctl.Defaults(),
	})
	d.must(d.Add(specs))
	var ifaces []dataplane.Interface
	for _, l := range o.Network.Links {
		if l.Interface < 0 {
			continue
		}
		d.Ports, d.Hosts = append(d.Ports, memport.New()), append(d.Hosts, memport.New())
		ifaces = append(ifaces, dataplane.Interface{
			Queues: []dataplane.Port{d.Ports[l.Interface]}, Hosts: []dataplane.Port{d.Hosts[l.Interface]},
		})
	}
	workers, err := dataplane.NewWorkers(d.Shared, ifaces, []dataplane.Waiter{memport.NewWaiter()})
	d.must(err)
	d.Worker = workers[0]
	return d
}

func (d *Director) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// Step pushes frames into an interface and has the worker make one step.
func (d *Director) Step(iface int, frames ...[]byte) {
	d.t.Helper()
	d.Ports[iface].Push(frames...)
	_, err := d.Worker.Step()
	d.must(err)
}

// The Ethernet addresses of OneLink: the director's, and that of everybody else.
var (
	MAC       = packet.MAC{2, 0, 0, 0, 0, 1}
	OthersMAC = packet.MAC{2, 0, 0, 0, 0, 7}
)

// OneLink is a network of one link: the director has 10.0.0.1/8, and the default
// route is by 10.0.0.254, which is known as these neighbours are.
func OneLink(neighbors ...string) neigh.Snapshot {
	prefix, ip := netip.MustParsePrefix, netip.MustParseAddr
	s := neigh.Snapshot{
		Links:  []neigh.Link{{Name: "eth0", Index: 2, MAC: MAC, MTU: 1500, Up: true, Addrs: []netip.Prefix{prefix("10.0.0.1/8")}}},
		Routes: []neigh.Route{{Dst: prefix("0.0.0.0/0"), Gateway: ip("10.0.0.254"), Link: 2}, {Dst: prefix("10.0.0.0/8"), Link: 2}},
	}
	for _, a := range append(neighbors, "10.0.0.254") {
		s.Neighbors = append(s.Neighbors, neigh.Neighbor{IP: ip(a), MAC: OthersMAC, Link: 2})
	}
	return s
}
