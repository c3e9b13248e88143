// Package memlab is a director in memory for tests: the control plane, one worker, and
// ports into which tests push frames instead of interfaces. It needs no privileges.
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

// Options configures a director. The zero Options give one interface with the network
// of OneLink.
type Options struct {
	Size    int // entries of the connection table; 0: 4096
	Marks   []service.Mark
	Network neigh.Snapshot // links without an interface have number -1; no links: OneLink
	Clock   func() int64   // the worker's clock; nil: Director.Clock
}

// Director is a director with one worker, which has a port on each interface. One
// goroutine pushes frames and calls Step. Any goroutine may use Control.
type Director struct {
	*control.Control
	memport.Resolver // the neighbours that were asked for
	Shared           *dataplane.Engine
	Clock            memport.Clock
	Ports            []*memport.Port // by interface: frames received and sent
	Hosts            []*memport.Port // by interface: frames that go to the kernel
	Worker           *dataplane.Worker

	t testing.TB
}

// New makes a director with these services. Its random numbers always have the same
// seed.
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
		Conns: conns, Clock: o.Clock, Resolver: &d.Resolver, ICMPRate: time.Second, ICMPMask: 6168,
	})
	d.Control = control.New(control.Options{
		Shared: d.Shared, Workers: 1, Marks: o.Marks, Seed: 1,
		Hops:     func(t *service.Table) *neigh.Table { return neigh.New(o.Network, control.Addresses(t)) },
		Timeouts: service.Timeouts{TCP: 900, TCPFIN: 120, UDP: 300},
		Sysctl:   sysctl.Defaults(),
	})
	d.must(d.Add(specs))
	rig, err := memport.NewRig(d.Shared, len(d.Shared.View().Hops.Interfaces()), 1)
	d.must(err)
	d.Worker = rig.Workers[0]
	for i := range rig.Ports {
		d.Ports, d.Hosts = append(d.Ports, rig.Ports[i][0]), append(d.Hosts, rig.Hosts[i][0])
	}
	return d
}

func (d *Director) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// Step pushes frames into an interface and runs one step of the worker.
func (d *Director) Step(iface int, frames ...[]byte) {
	d.t.Helper()
	d.Ports[iface].Push(frames...)
	_, err := d.Worker.Step()
	d.must(err)
}

// The Ethernet addresses of OneLink: the director's, and that of all other hosts.
var (
	MAC       = packet.MAC{2, 0, 0, 0, 0, 1}
	OthersMAC = packet.MAC{2, 0, 0, 0, 0, 7}
)

// OneLink returns a network with one link. The director's address is 10.0.0.1/8, and
// the gateway of the default route is 10.0.0.254. The Ethernet addresses of the gateway
// and of the given neighbours are known.
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
