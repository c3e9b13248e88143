package service_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"director/packet"
	"director/service"
)

// limited returns a service with one server that has these thresholds.
func limited(t *testing.T, upper, lower uint32) (*registry, *service.Service, *service.Server) {
	spec := web(1)
	spec.Servers[0].Upper, spec.Servers[0].Lower = upper, lower
	r := newRegistry(t, service.Options{}, spec)
	return r, r.table.Services()[0], r.table.Server(0)
}

// bind begins a connection and ignores the thresholds, as a connection of a
// persistent client does.
func bind(s *service.Service, server *service.Server) {
	s.Lock()
	defer s.Unlock()
	server.Bind(false)
}

// A server becomes overloaded when its connections reach -x. It stays overloaded
// until it has fewer than -y, or fewer than three quarters of -x if -y is not set.
func TestThresholds_AtEveryEdge(t *testing.T) {
	for upper := uint32(0); upper <= 9; upper++ {
		for lower := uint32(0); lower <= upper; lower++ {
			_, s, server := limited(t, upper, lower)
			overloaded := false
			check := func(total uint32, what string) {
				t.Helper()
				if got := server.Load.Overloaded.Load(); got != overloaded {
					t.Fatalf("-x %d -y %d, %s %d: overloaded %v, want %v", upper, lower, what, total, got, overloaded)
				}
			}
			check(0, "with")
			for total := uint32(1); total <= 12; total++ {
				bind(s, server)
				overloaded = upper != 0 && total >= upper
				check(total, "rising to")
			}
			for total := uint32(11); total+1 > 0; total-- {
				server.Release(false)
				switch {
				case lower != 0:
					overloaded = overloaded && total >= lower
				case upper != 0:
					overloaded = overloaded && total*4 >= upper*3
				}
				check(total, "falling to")
				if total == 0 {
					break
				}
			}
		}
	}
}

func TestThresholds_KeepNewConnectionsAway(t *testing.T) {
	r, s, server := limited(t, 2, 0)
	for i, want := range []bool{true, true, false, false} {
		if _, ok := s.Schedule(to(s.Key), 0, service.Active{Masqueraded: true, Otherwise: true}); ok != want {
			t.Errorf("connection %d: scheduled %v, want %v", i, ok, want)
		}
	}
	// A persistent client still gets its server.
	if c, ok := s.Member(server.ID); !ok || c.Server != server {
		t.Error("an overloaded server is no member")
	}
	server.Release(true)
	if _, ok := s.Schedule(to(s.Key), 0, service.Active{Masqueraded: true, Otherwise: true}); !ok {
		t.Error("the server with one connection gets none, although 1 is less than three quarters of 2")
	}
	_ = r
}

// An edit compares the load again: at -x or more the server is overloaded, below -y
// it is not, and between them its state stays (__ip_vs_update_dest).
func TestThresholds_EditJudgesAnew(t *testing.T) {
	for _, c := range []struct {
		total                  int
		upper, lower           uint32 // before
		newUpper, newLower     uint32
		overloaded, afterwards bool
	}{
		{4, 0, 0, 4, 2, false, true},
		{4, 0, 0, 5, 2, false, false}, // between, not overloaded before
		{4, 4, 1, 5, 2, true, true},   // between, overloaded before
		{4, 4, 1, 9, 5, true, false},  // below -y
		{4, 4, 1, 0, 0, true, false},
		{4, 4, 1, 6, 0, true, false}, // below three quarters of 6
		{4, 4, 1, 5, 0, true, true},  // 4 are not below three quarters of 5
		{4, 4, 4, 4, 4, true, true},
		{4, 5, 5, 4, 4, false, true},
	} {
		t.Run(fmt.Sprintf("%d connections, %d/%d to %d/%d", c.total, c.upper, c.lower, c.newUpper, c.newLower), func(t *testing.T) {
			r, s, server := limited(t, c.upper, c.lower)
			for range c.total {
				bind(s, server)
			}
			if got := server.Load.Overloaded.Load(); got != c.overloaded {
				t.Fatalf("before the edit overloaded %v, want %v", got, c.overloaded)
			}
			spec := web(1).Servers[0]
			spec.Upper, spec.Lower = c.newUpper, c.newLower
			r.must(r.EditServer(s.Key, spec))
			if got := server.Load.Overloaded.Load(); got != c.overloaded {
				t.Errorf("before Commit overloaded %v, want %v", got, c.overloaded)
			}
			r.commit()
			if got := server.Load.Overloaded.Load(); got != c.afterwards {
				t.Errorf("after the edit overloaded %v, want %v", got, c.afterwards)
			}
		})
	}
}

// A server that is added again is compared with the connections that it still has.
func TestThresholds_CountWhatIsLeftOfARemovedServer(t *testing.T) {
	r, s, server := limited(t, 0, 0)
	for range 3 {
		bind(s, server)
	}
	spec := web(1).Servers[0]
	r.change(r.DeleteServer(s.Key, spec.Addr, spec.Port))
	server.Release(false)
	spec.Upper = 2
	r.change(r.AddServer(s.Key, spec))
	if r.table.Server(0) != server || !server.Load.Overloaded.Load() {
		t.Error("with two connections and -x 2 the server is not overloaded, or it is another server")
	}
	r.change(r.DeleteServer(s.Key, spec.Addr, spec.Port))
	server.Release(false) // in the trash
	if server.Load.Overloaded.Load() {
		t.Error("with one connection the server is still overloaded")
	}
}

// Concurrent workers never schedule more than -x connections. When all connections
// have ended, the server is not overloaded.
func TestThresholds_UnderConcurrentUse(t *testing.T) {
	const workers, upper = 4, 5
	_, s, server := limited(t, upper, 0)
	var wg sync.WaitGroup
	for id := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(id), 3))
			held := 0
			for range 20_000 {
				if r.IntN(2) == 0 {
					if _, ok := s.Schedule(to(s.Key), 0, service.Active{Masqueraded: true, Otherwise: true}); ok {
						held++
						if n := server.Load.Total.Load(); n > upper {
							t.Errorf("%d connections, want %d at most", n, upper)
							return
						}
					}
				} else if held > 0 {
					server.Release(true)
					held--
				}
			}
			for range held {
				server.Release(true)
			}
		})
	}
	wg.Wait()
	if server.Load.Overloaded.Load() || server.Load.Total.Load() != 0 || server.Load.Active.Load() != 0 {
		t.Errorf("overloaded %v with %d active of %d connections, want neither", server.Load.Overloaded.Load(), server.Load.Active.Load(), server.Load.Total.Load())
	}
}

// Connections end while their servers are removed, added again and edited.
func TestRelease_WhileTheServerComesAndGoes(t *testing.T) {
	r := newRegistry(t, service.Options{})
	k := key("192.0.2.10", 80, packet.ProtoTCP)
	spec := web(1)
	spec.Servers[0].Upper = 3
	r.change(r.AddService(spec))
	s, server := r.table.Services()[0], r.table.Server(0)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 5000 {
				bind(s, server)
				server.Release(false)
			}
		})
	}
	for i := range 300 {
		one := spec.Servers[0]
		one.Upper = uint32(1 + i%4)
		r.change(r.EditServer(k, one))
		r.change(r.DeleteServer(k, one.Addr, one.Port))
		if i%10 == 0 {
			r.change(r.DeleteService(k))
			r.change(r.AddService(service.Spec{Key: k, Scheduler: "rr"}))
		}
		r.change(r.AddServer(k, spec.Servers[0]))
	}
	wg.Wait()
	if r.table.Server(0) != server || server.Load.Total.Load() != 0 || server.Load.Overloaded.Load() {
		t.Errorf("the server is another one, or has %d connections, or is overloaded: %v", server.Load.Total.Load(), server.Load.Overloaded.Load())
	}
}
