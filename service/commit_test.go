package service_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"director/packet"
	"director/service"
)

func server(n int) service.ServerSpec {
	return service.ServerSpec{Addr: packet.AddrFrom4(0x0a00000b + uint32(n)), Port: 80, Weight: 1}
}

// Edits take effect at the next commit and not earlier.
func TestCommit_ShowsEditsTogether(t *testing.T) {
	r := newRegistry(t, service.Options{}, web(2))
	k, s := web(2).Key, r.table.Services()[0]
	chosen := func() (seen [2]int) {
		for range 12 {
			if c, ok := s.Schedule(to(k), 0, service.Active{}); ok {
				seen[c.Server.Addr.Netip().As4()[3]-0x0b]++
			}
		}
		return seen
	}
	weigh := func(n int, weight int32) {
		spec := server(n)
		spec.Weight = weight
		r.must(r.EditServer(k, spec))
	}
	for round := range 3 {
		weigh(0, 0)
		weigh(1, 0)
		weigh(round%2, 1)
		r.commit()
		weigh(1-round%2, 1)
		weigh(round%2, 0)
		want := [2]int{}
		want[round%2] = 12
		if got := chosen(); got != want {
			t.Errorf("round %d: chosen %v before the second commit, want %v", round, got, want)
		}
		r.commit()
		want[0], want[1] = want[1], want[0]
		if got := chosen(); got != want {
			t.Errorf("round %d: chosen %v after the second commit, want %v", round, got, want)
		}
	}
}

// A scheduler never returns a server that the newest table does not contain. A worker
// loads the newest table when its own does not contain the number of a server.
func TestCommit_ShowsATableBeforeTheSchedulersFollow(t *testing.T) {
	r := newRegistry(t, service.Options{}, web(1))
	k := web(1).Key
	s := r.table.Services()[0]
	pick := func() *service.Server {
		c, ok := s.Schedule(to(k), 0, service.Active{})
		if !ok {
			return nil
		}
		return c.Server
	}
	first := r.table.Server(0)
	r.must(r.AddServer(k, server(1)))
	if got := pick(); got != first {
		t.Errorf("before Commit %v is chosen, want the only server", got)
	}
	r.Commit(func(table *service.Table) {
		if table.Server(1) == nil || !table.Member(1) {
			t.Error("the table does not show the new server")
		}
		for range 4 {
			if got := pick(); got != first {
				t.Errorf("%v is chosen before the table is published", got.Addr)
			}
		}
	})
	seen := map[uint32]bool{}
	for range 4 {
		seen[pick().ID] = true
	}
	if len(seen) != 2 {
		t.Errorf("servers %v are chosen after Commit, want both", seen)
	}
	r.must(r.DeleteServer(k, first.Addr, first.Port))
	r.commit()
	for range 4 {
		if got := pick(); got == first {
			t.Error("a removed server is chosen")
		}
	}
	r.change(r.DeleteService(k))
	if got := pick(); got != nil {
		t.Errorf("a removed service chooses %v", got.Addr)
	}
}

// Workers schedule while servers and services are added and removed, and numbers are
// used again.
func TestCommit_UnderWorkers(t *testing.T) {
	r := newRegistry(t, service.Options{}, web(2))
	k := web(2).Key
	var table atomic.Pointer[service.Table]
	table.Store(r.table)
	var stop atomic.Bool
	var steps [2]atomic.Int64
	var wg sync.WaitGroup
	for i := range steps {
		wg.Go(func() {
			for !stop.Load() {
				steps[i].Add(1)
				runtime.Gosched()
				view := table.Load()
				s := view.Lookup(to(k))
				if s == nil {
					continue
				}
				c, ok := s.Schedule(to(k), 0, service.Active{Masqueraded: true, Otherwise: true})
				if !ok {
					continue
				}
				if view.Server(c.ID) == nil {
					view = table.Load()
				}
				if view.Server(c.ID) != c.Server {
					t.Errorf("server %d is not the table's", c.ID)
					return
				}
				c.Release(true)
			}
		})
	}
	publish := func(n *service.Table) { table.Store(n) }
	// A step of a worker always ends between two collections.
	everyoneSteps := func() {
		for i := range steps {
			for from := steps[i].Load(); steps[i].Load() < from+2 && !t.Failed(); {
				runtime.Gosched()
			}
		}
	}
	now, removed := int64(0), 0
	for i := range 1200 {
		if i%50 == 49 {
			r.must(r.DeleteService(k))
			r.Commit(publish)
			r.must(r.AddService(web(2)))
			r.Commit(publish)
			continue
		}
		r.must(r.AddServer(k, server(2+i)))
		r.Commit(publish)
		r.must(r.DeleteServer(k, server(2+i).Addr, 80))
		r.Commit(publish)
		if i%20 == 0 {
			everyoneSteps()
			if now += 60 * second; r.Collect(now) {
				removed++
				r.Commit(publish)
			}
		}
	}
	stop.Store(true)
	wg.Wait()
	if removed == 0 {
		t.Error("no number became free, so the case was not tested")
	}
	for _, s := range table.Load().Servers() {
		if s != nil && (s.Load.Total.Load() != 0 || s.Load.Active.Load() != 0) {
			t.Errorf("server %d still has %d active of %d connections", s.ID, s.Load.Active.Load(), s.Load.Total.Load())
		}
	}
}

// A refused change changes nothing, and the error texts are those of ipvsadm.
func TestRegistry_RefusesWhatIPVSRefuses(t *testing.T) {
	spec := web(1)
	other := key("192.0.2.99", 80, packet.ProtoTCP)
	bad := func(change func(*service.ServerSpec)) service.ServerSpec {
		s := server(5)
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		do   func(*registry) error
		want error
	}{
		"service twice":             {func(r *registry) error { return r.AddService(spec) }, service.ErrServiceExists},
		"edit no service":           {func(r *registry) error { return r.EditService(service.Spec{Key: other, Scheduler: "rr"}) }, service.ErrNoService},
		"delete no service":         {func(r *registry) error { return r.DeleteService(other) }, service.ErrNoService},
		"zero no service":           {func(r *registry) error { return r.Zero(&other) }, service.ErrNoService},
		"server of no service":      {func(r *registry) error { return r.AddServer(other, server(5)) }, service.ErrNoServiceForServer},
		"edit server of no service": {func(r *registry) error { return r.EditServer(other, server(5)) }, service.ErrNoServiceForServer},
		"delete from no service":    {func(r *registry) error { return r.DeleteServer(other, server(0).Addr, 80) }, service.ErrNoServiceForServer},
		"server twice":              {func(r *registry) error { return r.AddServer(spec.Key, server(0)) }, service.ErrServerExists},
		"edit no server":            {func(r *registry) error { return r.EditServer(spec.Key, server(5)) }, service.ErrNoServer},
		"delete no server":          {func(r *registry) error { return r.DeleteServer(spec.Key, server(0).Addr, 81) }, service.ErrNoServer},
		"negative weight": {func(r *registry) error {
			return r.AddServer(spec.Key, bad(func(s *service.ServerSpec) { s.Weight = -1 }))
		}, service.ErrRange},
		"lower above upper": {func(r *registry) error {
			return r.AddServer(spec.Key, bad(func(s *service.ServerSpec) { s.Upper, s.Lower = 3, 4 }))
		}, service.ErrRange},
		"lower without upper": {func(r *registry) error {
			return r.AddServer(spec.Key, bad(func(s *service.ServerSpec) { s.Lower = 1 }))
		}, service.ErrRange},
		"a bad number first": {func(r *registry) error {
			return r.AddServer(spec.Key, service.ServerSpec{Addr: server(0).Addr, Port: 80, Weight: -1})
		}, service.ErrRange},
		"a service with a bad server": {func(r *registry) error {
			bad := service.Spec{Key: other, Scheduler: "rr", Servers: []service.ServerSpec{server(0), bad(func(s *service.ServerSpec) { s.Weight = -1 })}}
			err := r.AddService(bad)
			if len(r.Specs()) != 1 {
				t.Error("the service was added without its servers")
			}
			return err
		}, service.ErrRange},
		"masquerading to itself": {func(r *registry) error {
			return r.AddServer(spec.Key, bad(func(s *service.ServerSpec) { s.Addr = spec.Addr }))
		}, service.ErrInvalid},
		"a service on a server": {func(r *registry) error {
			return r.AddService(service.Spec{Key: key("10.0.0.11", 80, packet.ProtoTCP), Scheduler: "rr"})
		}, service.ErrInvalid},
		"too many for mh": {func(r *registry) error {
			big := web(4094)
			big.Addr = packet.MustAddr("192.0.2.200")
			r.must(r.AddService(big))
			big.Scheduler = "mh"
			return r.EditService(big)
		}, service.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t, service.Options{}, spec)
			before := fmt.Sprint(r.Specs()[0])
			if err := c.do(r); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if after := fmt.Sprint(r.Specs()[0]); after != before {
				t.Errorf("the service is now %s, was %s", after, before)
			}
		})
	}
	for err, want := range map[error]string{
		service.ErrServiceExists: "Service already exists", service.ErrNoService: "No such service",
		service.ErrNoServiceForServer: "Service not defined", service.ErrServerExists: "Destination already exists",
		service.ErrNoServer: "No such destination", service.ErrRange: "Numerical result out of range",
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}

// With -g a real server may be the director itself, on any address.
func TestRegistry_LetsTheDirectorServeItself(t *testing.T) {
	spec := web(0)
	r := newRegistry(t, service.Options{}, spec)
	for _, a := range []string{"127.0.0.1", "192.0.2.10"} {
		s := service.ServerSpec{Addr: packet.MustAddr(a), Port: 80, Method: service.DR, Weight: 1}
		r.change(r.AddServer(spec.Key, s))
		s.Method = service.NAT
		if err := r.EditServer(spec.Key, s); !errors.Is(err, service.ErrInvalid) {
			t.Errorf("%s by masquerading: %v, want %v", a, err, service.ErrInvalid)
		}
	}
	// An address can become virtual again when the last such server is removed.
	spec.Key = key("10.0.0.11", 80, packet.ProtoTCP)
	r.change(r.AddServer(web(0).Key, server(0)))
	if err := r.AddService(spec); !errors.Is(err, service.ErrInvalid) {
		t.Errorf("%v, want %v", err, service.ErrInvalid)
	}
	direct := server(0)
	direct.Method = service.DR
	r.change(r.EditServer(web(0).Key, direct))
	r.change(r.AddService(spec))
}
