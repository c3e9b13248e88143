package service_test

import (
	"testing"
	"time"

	"director/packet"
	"director/service"
)

func natServer(addr string, port uint16) service.ServerSpec {
	return service.ServerSpec{Addr: packet.MustAddr(addr), Port: port, Weight: 1}
}

func from(s service.ServerSpec, proto uint8) *packet.Flow {
	return &packet.Flow{Src: s.Addr, SrcPort: s.Port, Dst: packet.MustAddr("198.51.100.7"), DstPort: 40000, Proto: proto}
}

// Masquerades and Masqueraded find the servers whose answers pass through the
// director. Sole is set if the answer can belong to one service only. Answers also finds those
// of firewall marks, with every protocol.
func TestMasqueraded_IsSoleWhereOneServiceHasIt(t *testing.T) {
	a, b, shared, wide := natServer("10.0.0.11", 8080), natServer("10.0.0.12", 8080), natServer("10.0.0.13", 8080), natServer("10.0.0.14", 0)
	direct, tunnelled, marked := natServer("10.0.0.15", 80), natServer("10.0.0.16", 80), natServer("10.0.0.17", 80)
	direct.Method, tunnelled.Method = service.DR, service.TUN
	first, second, every, mark := empty(key(vip, 80, tcp)), empty(key("192.0.2.11", 80, tcp)), empty(key(vip, 0, tcp)), empty(service.Key{Mark: 1})
	first.Servers = []service.ServerSpec{a, shared, direct, tunnelled}
	second.Servers = []service.ServerSpec{b, shared}
	every.Servers = []service.ServerSpec{wide}
	mark.Servers = []service.ServerSpec{marked}
	r := newRegistry(t, service.Options{Marks: []service.Mark{{Mark: 1, Proto: tcp, Prefix: prefix("203.0.113.7/32")}}}, first, second, every, mark)
	for _, c := range []struct {
		server            service.ServerSpec
		proto             uint8
		address, is, sole bool
		of                service.Key
	}{
		{a, tcp, true, true, true, first.Key},
		{a, udp, true, false, false, service.Key{}},
		{b, tcp, true, true, true, second.Key},
		{shared, tcp, true, true, false, second.Key},
		{wide, tcp, true, true, false, every.Key}, // the service has every port, so the answer does not show which
		{direct, tcp, false, false, false, service.Key{}},
		{tunnelled, tcp, false, false, false, service.Key{}},
		{marked, tcp, true, false, false, service.Key{}},
		{marked, udp, true, false, false, service.Key{}},
		{natServer("10.0.0.11", 8081), tcp, true, false, false, service.Key{}},
		{natServer("10.0.0.99", 8080), tcp, false, false, false, service.Key{}},
	} {
		if got := r.table.Masquerades(c.server.Addr); got != c.address {
			t.Errorf("%v masquerades: %v, want %v", c.server.Addr, got, c.address)
		}
		if got, want := r.table.Answers(from(c.server, c.proto)), c.is || c.server == marked; got != want {
			t.Errorf("%v:%d of %d answers: %v, want %v", c.server.Addr, c.server.Port, c.proto, got, want)
		}
		m := r.table.Masqueraded(from(c.server, c.proto))
		if (m != nil) != c.is {
			t.Errorf("%v:%d of %d is masqueraded: %v, want %v", c.server.Addr, c.server.Port, c.proto, m != nil, c.is)
			continue
		}
		if m != nil && (m.Sole != c.sole || m.Of != c.of || r.table.Server(m.Server).Addr != c.server.Addr) {
			t.Errorf("%v:%d: %+v, want sole %v of %+v", c.server.Addr, c.server.Port, *m, c.sole, c.of)
		}
	}
	// After the other service removes the server, only the first has it.
	r.change(r.DeleteServer(second.Key, shared.Addr, shared.Port))
	if m := r.table.Masqueraded(from(shared, tcp)); m == nil || !m.Sole {
		t.Errorf("%+v, want sole", m)
	}
	// A removed server may still answer earlier requests.
	r.change(r.DeleteServer(first.Key, a.Addr, a.Port))
	if !r.table.Masquerades(a.Addr) || r.table.Masqueraded(from(a, tcp)) != nil {
		t.Error("a removed server does not masquerade any more, or still belongs to a service")
	}
}

// Reports that come one after the other: what the path is believed to be after each.
func TestPath_BelievesLittleOfWhatIsReported(t *testing.T) {
	var path service.Path
	for _, c := range []struct {
		at       time.Duration
		reported uint16
		want     uint16
		narrow   bool
		why      string
	}{
		{0, 1400, 1400, false, "the first report"},
		{999 * time.Millisecond, 1300, 1400, false, "a second one within a second"},
		{time.Second, 1300, 1300, false, "a second later"},
		{2 * time.Second, 1400, 1300, false, "a report never raises the MTU"},
		{3 * time.Second, 500, 596, true, "less than the least"},
		{4 * time.Second, 0, 596, true, "a router that does not say how much"},
		{5 * time.Second, 596, 596, false, "the least itself"},
		{605 * time.Second, 1400, 1400, false, "after it has expired"},
	} {
		now := int64(7*time.Second + c.at)
		path.Learn(c.reported, 596, now)
		if got, narrow := path.MTU(1500, now); got != c.want || narrow != c.narrow {
			t.Errorf("%s: MTU %d, narrow %v, want %d, %v", c.why, got, narrow, c.want, c.narrow)
		}
	}
}

func TestPath_IsSharedAndExpires(t *testing.T) {
	spec := web(1)
	spec.Servers = append(spec.Servers, natServer("10.0.0.11", 81), natServer("10.0.0.12", 80))
	r := newRegistry(t, service.Options{}, spec)
	path, same, other := r.table.Server(0).Path, r.table.Server(1).Path, r.table.Server(2).Path
	if path != same || path == other {
		t.Error("servers with one address have different paths, or others share a path")
	}
	if got, _ := path.MTU(1500, 0); got != 1500 {
		t.Errorf("MTU %d before one was learned, want that of the link", got)
	}
	now := int64(5*time.Second) + 1
	path.Learn(1400, 596, now)
	minutes := func(n int64) int64 { return now + n*int64(time.Minute) }
	for _, c := range []struct {
		link uint16
		at   int64
		want uint16
	}{
		{1500, now, 1400}, {1300, now, 1300}, {1500, minutes(9), 1400},
		{1500, minutes(10) - int64(time.Second), 1400}, {1500, minutes(10), 1500}, {1500, minutes(11), 1500},
	} {
		if got, narrow := same.MTU(c.link, c.at); got != c.want || narrow {
			t.Errorf("at %v over a link of %d: %d, want %d", time.Duration(c.at-now), c.link, got, c.want)
		}
	}
	path.Learn(1200, 596, minutes(20))
	if got, _ := path.MTU(1500, minutes(25)); got != 1200 {
		t.Errorf("learned again: %d, want 1200", got)
	}
	// A path exists as long as a server has its address, including servers in the
	// trash.
	r.change(r.DeleteServer(spec.Key, spec.Servers[0].Addr, 80))
	r.change(r.DeleteServer(spec.Key, spec.Servers[0].Addr, 81))
	r.Collect(60 * second)
	r.change(r.AddServer(spec.Key, spec.Servers[1]))
	if got := r.table.Server(1).Path; got != path {
		t.Error("a server that was added again has another path")
	}
	r.change(r.DeleteServer(spec.Key, spec.Servers[1].Addr, 81))
	for s := int64(2); s < 8; s++ {
		r.Collect(s * 60 * second)
	}
	r.change(r.AddServer(spec.Key, spec.Servers[1]))
	for _, s := range r.table.Servers() {
		if s != nil && s.Port == 81 && s.Path == path {
			t.Error("a path still exists after all servers of its address are removed")
		}
	}
}

// When the table is full, the choice depends on the client only. It is the same for
// each packet of a client, uses all usable servers and ignores thresholds.
func TestSpare_StaysWithTheClient(t *testing.T) {
	spec := web(4)
	spec.Servers[0].Weight = 0
	spec.Servers[1].Upper = 1
	spec.Scheduler = "rr"
	r := newRegistry(t, service.Options{}, spec)
	s := r.table.Services()[0]
	r.table.Server(1).Load.Overloaded.Store(true)
	seen := map[uint32]int{}
	clients := map[packet.Addr]uint32{}
	for round := range 3 {
		for n := range uint32(300) {
			f := to(s.Key)
			f.Src, f.SrcPort = packet.AddrFrom4(0xc6330000+n), uint16(1000*round+int(n))
			c, ok := s.Spare(f, 0)
			if !ok {
				t.Fatal("Spare finds no server")
			}
			if was, ok := clients[f.Src]; ok && was != c.ID {
				t.Fatalf("client %v goes to server %d, then to %d", f.Src, was, c.ID)
			}
			clients[f.Src] = c.ID
			seen[c.ID]++
		}
	}
	if len(seen) != 3 || seen[0] != 0 {
		t.Errorf("servers by use %v, want 1 to 3", seen)
	}
	if got := r.table.Server(2).Load.Total.Load(); got != 0 {
		t.Errorf("%d connections are counted, want none", got)
	}
	// Spare follows changes of the list.
	for _, n := range []int{1, 2} {
		r.change(r.DeleteServer(spec.Key, spec.Servers[n].Addr, 80))
	}
	if c, ok := s.Spare(to(s.Key), 0); !ok || c.ID != 3 {
		t.Errorf("%v, %v, want the only server with a weight", c.Server, ok)
	}
	r.change(r.DeleteServer(spec.Key, spec.Servers[3].Addr, 80))
	if c, ok := s.Spare(to(s.Key), 0); ok {
		t.Errorf("%v, want none: all servers have weight 0", c.Addr)
	}
}
