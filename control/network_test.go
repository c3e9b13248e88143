package control_test

import (
	"errors"
	"maps"
	"net/netip"
	"testing"

	"director/control"
	"director/internal/memlab"
	"director/neigh"
	"director/packet"
	"director/service"
)

// TestApply_HoldsServersAgainstTheNetwork checks the servers of a new service, new servers
// and edited ones against the present network.
func TestApply_HoldsServersAgainstTheNetwork(t *testing.T) {
	r := newRig(t, 64)
	now := memlab.OneLink("10.0.0.11", "10.0.0.12", "10.0.0.13")
	now.Links = append(now.Links, neigh.Link{Name: "eth9", Index: 9, Interface: -1, MTU: 1500, Up: true})
	now.Routes = append(now.Routes, neigh.Route{Dst: netip.MustParsePrefix("172.16.0.0/12"), Link: 9})
	c := control.New(control.Options{
		Shared: r.Shared, Workers: 1,
		Hops:    func(t *service.Table) *neigh.Table { return neigh.New(now, control.Addresses(t)) },
		Network: func() neigh.Snapshot { return now },
	})
	key := service.Key{Addr: packet.MustAddr("192.0.2.10"), Port: 80, Proto: packet.ProtoTCP}
	empty := service.Spec{Key: key, Scheduler: "rr"}
	at := func(a string, m service.Method) service.ServerSpec {
		return service.ServerSpec{Addr: packet.MustAddr(a), Port: 80, Method: m}
	}
	ours, far := at("10.0.0.1", service.NAT), at("172.16.0.1", service.DR)
	refused := func(what string, err error, want string) {
		t.Helper()
		if e, ok := errors.AsType[*control.NetworkError](err); !ok || e.Error() != want || !errors.Is(err, service.ErrInvalid) {
			t.Errorf("%s: got %v, want %q", what, err, want)
		}
	}
	const local = "real server 10.0.0.1 is an address of this host: only the method -g can forward to it"
	const beyond = "real server 172.16.0.1 is reached through eth9: add it to --interface"
	whole := empty
	whole.Servers = []service.ServerSpec{at("10.0.0.11", service.NAT), ours}
	refused("a service with it", c.AddService(whole), local)
	if err := c.AddService(empty); err != nil {
		t.Fatal(err)
	}
	refused("the host by NAT", c.AddServer(key, ours), local)
	refused("by no interface", c.AddServer(key, far), beyond)
	ours.Method = service.DR
	if err := c.AddServer(key, ours); err != nil {
		t.Errorf("the host by -g: %v", err)
	}
	ours.Method = service.TUN
	refused("edited", c.EditServer(key, ours), local)
	now.Routes = nil
	if err := c.AddServer(key, far); err != nil {
		t.Errorf("without a way, which may come: %v", err)
	}
}

// A removed server needs an Ethernet address only while it has connections.
func TestAddresses_AreThoseOfServersThatGetPackets(t *testing.T) {
	r := newRig(t, 64)
	var table *service.Table
	c := control.New(control.Options{
		Shared: r.Shared, Workers: 1,
		Hops: func(now *service.Table) *neigh.Table {
			table = now
			return neigh.New(memlab.OneLink(), control.Addresses(now))
		},
	})
	spec := service.Spec{Key: service.Key{Addr: packet.MustAddr("192.0.2.10"), Port: 80, Proto: packet.ProtoTCP}, Scheduler: "rr"}
	idle, busy := packet.MustAddr("10.0.0.11"), packet.MustAddr("10.0.0.12")
	for _, a := range []packet.Addr{idle, busy} {
		spec.Servers = append(spec.Servers, service.ServerSpec{Addr: a, Port: 80, Weight: 1})
	}
	if err := c.AddService(spec); err != nil {
		t.Fatal(err)
	}
	for _, s := range table.Servers() {
		if s != nil && s.Addr == busy {
			s.Join(false)
		}
	}
	for _, want := range []map[packet.Addr]bool{{idle: true, busy: true}, {busy: true}} {
		got := map[packet.Addr]bool{}
		for _, a := range control.Addresses(table) {
			if a != (packet.Addr{}) {
				got[a] = true
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("addresses %v, want %v", got, want)
		}
		if err := c.DeleteService(spec.Key); err != nil && want[idle] {
			t.Fatal(err)
		}
	}
}
