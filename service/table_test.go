package service_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"director/packet"
	"director/sched"
	"director/service"
)

func key(addr string, port uint16, proto uint8) service.Key {
	return service.Key{Addr: packet.MustAddr(addr), Port: port, Proto: proto}
}

func to(k service.Key) *packet.Flow {
	return &packet.Flow{Src: packet.MustAddr("198.51.100.7"), SrcPort: 40000, Dst: k.Addr, DstPort: k.Port, Proto: k.Proto}
}

func newTable(t *testing.T, specs ...service.Spec) *service.Table {
	t.Helper()
	return seededTable(t, 0, specs...)
}

func seededTable(t *testing.T, seed uint64, specs ...service.Spec) *service.Table {
	t.Helper()
	r := service.NewRegistry(service.Options{Workers: 1, Seed: seed})
	for _, s := range specs {
		if err := r.AddService(s); err != nil {
			t.Fatal(err)
		}
	}
	var table *service.Table
	r.Commit(func(n *service.Table) { table = n })
	return table
}

func web(n int) service.Spec {
	s := service.Spec{Key: key("192.0.2.10", 80, packet.ProtoTCP), Scheduler: "rr"}
	for i := range n {
		s.Servers = append(s.Servers, service.ServerSpec{Addr: packet.AddrFrom4(0x0a00000b + uint32(i)), Port: 80, Weight: 1})
	}
	return s
}

func TestTable_FindsServicesByAddressPortAndProtocol(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var specs []service.Spec
	model := map[service.Key]bool{}
	vips := map[packet.Addr]bool{}
	random := func() service.Key {
		return service.Key{
			Addr: packet.AddrFrom4(0xc0000200 + uint32(r.IntN(64))), Port: uint16(22 + r.IntN(40)),
			Proto: []uint8{packet.ProtoTCP, packet.ProtoUDP}[r.IntN(2)],
		}
	}
	for range 1000 {
		if k := random(); !model[k] {
			model[k], vips[k.Addr] = true, true
			specs = append(specs, service.Spec{Key: k, Scheduler: "rr"})
		}
	}
	table := newTable(t, specs...)
	for range 20_000 {
		k := random()
		s := table.Lookup(to(k))
		if (s != nil) != model[k] || s != nil && s.Key != k {
			t.Fatalf("Lookup(%+v) = %+v, want %v", k, s, model[k])
		}
		a := packet.AddrFrom4(0xc0000200 + uint32(r.IntN(128)))
		if table.VIP(a) != vips[a] {
			t.Fatalf("VIP(%v) = %v", a, table.VIP(a))
		}
	}
}

func TestTable_WithoutServicesFindsNothing(t *testing.T) {
	table := newTable(t)
	k := key("192.0.2.10", 80, packet.ProtoTCP)
	if table.Lookup(to(k)) != nil || table.VIP(k.Addr) {
		t.Error("an empty table finds a service")
	}
}

func TestNew_RefusesAnUnknownScheduler(t *testing.T) {
	s := web(1)
	s.Scheduler = "fastest"
	if err := service.NewRegistry(service.Options{}).AddService(s); err == nil {
		t.Error("no error")
	}
}

func TestSchedule_CountsWhatItChooses(t *testing.T) {
	table := newTable(t, web(3))
	s := table.Lookup(to(web(0).Key))
	for i, want := range []uint32{2, 1, 0, 2} { // the server added last comes first
		got, ok := s.Schedule(to(s.Key), 0, service.Active{Masqueraded: true, Otherwise: true})
		if !ok || got.ID != want {
			t.Fatalf("connection %d goes to %+v (%v), want server %d", i, got.Server, ok, want)
		}
	}
	last := table.Server(2)
	if last.Load.Active.Load() != 2 || last.Load.Total.Load() != 2 {
		t.Errorf("server 2 has %d active of %d, want 2 of 2", last.Load.Active.Load(), last.Load.Total.Load())
	}
	last.Release(true)
	if last.Load.Active.Load() != 1 || last.Load.Total.Load() != 1 || last.Load.Inactive() != 0 {
		t.Errorf("after one ended: %d active of %d", last.Load.Active.Load(), last.Load.Total.Load())
	}
}

func TestSchedule_IsRoundRobinForAnyNumberOfWorkers(t *testing.T) {
	table := newTable(t, web(4))
	s := table.Services()[0]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				s.Schedule(to(s.Key), 0, service.Active{})
			}
		})
	}
	wg.Wait()
	for _, server := range table.Servers() {
		if got := server.Load.Total.Load(); got != 1000 {
			t.Errorf("server %d has %d connections, want 1000", server.ID, got)
		}
	}
}

func TestSchedule_DrawsAsTheSeedSays(t *testing.T) {
	draw := func(seed uint64) (ids []uint32) {
		spec := web(8)
		spec.Scheduler = "twos"
		s := seededTable(t, seed, spec).Services()[0]
		for range 64 {
			choice, _ := s.Schedule(to(s.Key), 0, service.Active{})
			ids = append(ids, choice.ID)
		}
		return ids
	}
	if a, b := draw(5), draw(5); !slices.Equal(a, b) {
		t.Errorf("the same seed draws %v and %v", a, b)
	}
	for _, seed := range []uint64{6, 0} {
		if a, b := draw(5), draw(seed); slices.Equal(a, b) {
			t.Errorf("seeds 5 and %d both draw %v", seed, a)
		}
	}
	if a, b := draw(0), draw(0); slices.Equal(a, b) {
		t.Errorf("without a seed both times %v", a)
	}
}

func TestSchedule_FollowsTheFlags(t *testing.T) {
	spec := web(2)
	spec.Scheduler = "sh"
	servers := func(flags sched.Flags) map[uint32]bool {
		spec.Flags = flags
		s := newTable(t, spec).Services()[0]
		seen := map[uint32]bool{}
		for port := range uint16(100) {
			f := to(s.Key)
			f.SrcPort = port
			choice, _ := s.Schedule(f, 0, service.Active{})
			seen[choice.ID] = true
		}
		return seen
	}
	if got := len(servers(0)); got != 1 {
		t.Errorf("one client address has %d servers, want 1", got)
	}
	if got := len(servers(sched.Port)); got != 2 {
		t.Errorf("with its ports it has %d servers, want 2", got)
	}
}

func TestLookup_DoesNotAllocate(t *testing.T) {
	table := newTable(t, web(4))
	flow := to(web(0).Key)
	if n := testing.AllocsPerRun(100, func() {
		table.Lookup(flow).Schedule(flow, 0, service.Active{Masqueraded: true, Otherwise: true})
		table.VIP(flow.Src)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
