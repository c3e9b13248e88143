package service_test

import (
	"fmt"
	"sync"
	"testing"

	"director/service"
)

// shown returns the shown counts by name: "total", the address of a service, or the
// address of a server.
func (r *registry) shown() map[string]service.Tally {
	all := map[string]service.Tally{"total": r.Total().Stats()}
	r.Each(func(s *service.Service, m *service.Meter) {
		all[s.Addr.String()] = m.Stats()
		r.EachServer(s.Key, func(server *service.Server, _ service.ServerSpec, m *service.Meter) {
			all[server.Addr.String()] = m.Stats()
		})
	})
	return all
}

// expect calls Estimate and compares the shown connections.
func (r *registry) expect(what string, want map[string]uint64) {
	r.t.Helper()
	r.Estimate()
	got := map[string]uint64{}
	for name, tally := range r.shown() {
		got[name] = tally.Conns
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Errorf("%s: connections %v, want %v", what, got, want)
	}
}

func count(s *service.Server, conns uint64) { s.Add(0, &service.Tally{Conns: conns}) }

const (
	total = "total"
	vip   = "192.0.2.10"
	one   = "10.0.0.11"
	two   = "10.0.0.12"
)

// A removed server stops counting at once. Its counts remain in those of its service.
// If it is added again, it has its counts again.
func TestStatistics_AcrossRemovalAndReturn(t *testing.T) {
	spec := web(2)
	r := newRegistry(t, service.Options{}, spec)
	first, second := r.table.Server(0), r.table.Server(1)
	count(first, 5)
	count(second, 7)
	if got := r.shown()[total]; got != (service.Tally{}) {
		t.Errorf("%+v shown before the first Estimate", got)
	}
	r.expect("at first", map[string]uint64{total: 12, vip: 12, one: 5, two: 7})
	count(first, 1) // after Estimate
	r.change(r.DeleteServer(spec.Key, first.Addr, first.Port))
	count(first, 100) // in the trash
	r.expect("removed", map[string]uint64{total: 13, vip: 13, two: 7})
	r.change(r.AddServer(spec.Key, spec.Servers[0]))
	r.expect("back", map[string]uint64{total: 13, vip: 13, one: 6, two: 7})
	count(first, 2)
	r.expect("counting", map[string]uint64{total: 15, vip: 15, one: 8, two: 7})
	// Remove and add it twice more.
	for range 2 {
		r.change(r.DeleteServer(spec.Key, first.Addr, first.Port))
		count(first, 1000)
		r.change(r.AddServer(spec.Key, spec.Servers[0]))
	}
	count(first, 1)
	r.expect("removed twice more", map[string]uint64{total: 16, vip: 16, one: 9, two: 7})
}

// When a service is removed, its counts are removed, and the total keeps them.
// Servers that are added again begin at 0.
func TestStatistics_AcrossRemovalOfTheService(t *testing.T) {
	spec := web(2)
	r := newRegistry(t, service.Options{}, spec)
	first := r.table.Server(0)
	count(first, 5)
	count(r.table.Server(1), 7)
	r.expect("at first", map[string]uint64{total: 12, vip: 12, one: 5, two: 7})
	r.change(r.DeleteService(spec.Key))
	count(first, 100)
	r.expect("removed", map[string]uint64{total: 12})
	r.change(r.AddService(web(0)))
	r.expect("added", map[string]uint64{total: 12, vip: 0})
	r.change(r.AddServer(spec.Key, spec.Servers[0]))
	r.expect("with its server", map[string]uint64{total: 12, vip: 0, one: 0})
	count(first, 3)
	r.expect("counting", map[string]uint64{total: 15, vip: 3, one: 3})
	r.Clear()
	r.commit()
	r.expect("cleared", map[string]uint64{total: 15})
}

// Zero restarts at the count of the last Estimate. So the next Estimate shows
// connections that were counted between the last Estimate and Zero, also after the
// service was removed and added again.
func TestStatistics_ZeroAtTheLastLook(t *testing.T) {
	spec := web(1)
	r := newRegistry(t, service.Options{}, spec)
	server := r.table.Server(0)
	count(server, 5)
	r.Estimate()
	count(server, 2)
	r.must(r.Zero(&spec.Key))
	r.expect("zeroed", map[string]uint64{total: 7, vip: 2, one: 2})
	count(server, 1)
	r.change(r.DeleteService(spec.Key))
	r.change(r.AddService(web(1)))
	r.expect("its service added anew", map[string]uint64{total: 8, vip: 0, one: 1})
}

func TestZero_OfOneServiceAndOfAll(t *testing.T) {
	other := web(1)
	other.Key = key("192.0.2.20", 80, 6)
	other.Servers[0].Addr = web(2).Servers[1].Addr
	r := newRegistry(t, service.Options{}, web(1), other)
	count(r.table.Server(0), 5)
	count(r.table.Server(1), 7)
	r.Estimate()
	r.must(r.Zero(&other.Key))
	r.expect("one zeroed", map[string]uint64{total: 12, vip: 5, one: 5, "192.0.2.20": 0, two: 0})
	r.must(r.Zero(nil))
	r.expect("all zeroed", map[string]uint64{total: 0, vip: 0, one: 0, "192.0.2.20": 0, two: 0})
	count(r.table.Server(0), 1)
	r.expect("counting", map[string]uint64{total: 1, vip: 1, one: 1, "192.0.2.20": 0, two: 0})
}

// An edit of a service or server keeps the counts.
func TestStatistics_AcrossEdits(t *testing.T) {
	spec := web(1)
	r := newRegistry(t, service.Options{}, spec)
	count(r.table.Server(0), 5)
	edited := web(0)
	edited.Scheduler = "wlc"
	r.change(r.EditService(edited))
	server := spec.Servers[0]
	server.Weight = 9
	r.change(r.EditServer(spec.Key, server))
	r.expect("edited", map[string]uint64{total: 5, vip: 5, one: 5})
}

// The numbers were computed by hand from ip_vs_est.c. Every 2 s the average moves a
// quarter of the way to the new rate. The average is rounded down and the shown value
// up.
func TestRates_FollowTheKernelsFormulas(t *testing.T) {
	r := newRegistry(t, service.Options{}, web(1))
	server := r.table.Server(0)
	for i, step := range []struct{ add, want service.Tally }{
		// 100 connections: 51200 / 4 = 12800; (12800+511)/1024 = 12.
		// 4096 bytes: 65536 / 4 = 16384; (16384+15)/32 = 512.
		{service.Tally{Conns: 100, InPkts: 1000, OutPkts: 1, InBytes: 4096, OutBytes: 100},
			service.Tally{Conns: 12, InPkts: 125, OutPkts: 0, InBytes: 512, OutBytes: 12}},
		// No traffic: 12800 - 3200 = 9600, 9; 128000 -> 96000, 94; 128 -> 96, 0;
		// 16384 -> 12288, 384; 400 -> 300, 9.
		{service.Tally{}, service.Tally{Conns: 9, InPkts: 94, OutPkts: 0, InBytes: 384, OutBytes: 9}},
		// 9600 + (51200-9600)/4 = 20000, 20; 96000 + (0-96000)/4 = 72000, 70;
		// 96 + (4096-96)/4 = 1096, 1; 12288 -> 9216, 288; 300 + (16-300)/4 = 229, 7.
		{service.Tally{Conns: 100, OutPkts: 8, OutBytes: 1}, service.Tally{Conns: 20, InPkts: 70, OutPkts: 1, InBytes: 288, OutBytes: 7}},
	} {
		server.Add(0, &step.add)
		r.Estimate()
		var ofService, ofServer service.Tally
		r.Each(func(s *service.Service, m *service.Meter) {
			ofService = m.Rates()
			r.EachServer(s.Key, func(_ *service.Server, _ service.ServerSpec, m *service.Meter) { ofServer = m.Rates() })
		})
		for who, got := range map[string]service.Tally{"total": r.Total().Rates(), "service": ofService, "server": ofServer} {
			if got != step.want {
				t.Errorf("step %d, %s: %+v, want %+v", i, who, got, step.want)
			}
		}
	}
	r.must(r.Zero(nil))
	if got := r.Total().Rates(); got != (service.Tally{}) {
		t.Errorf("zeroed: %+v, want none", got)
	}
	// The next Estimate counts from the last one, not from Zero.
	server.Add(0, &service.Tally{Conns: 8})
	r.Estimate()
	if got := r.Total().Rates().Conns; got != 1 {
		t.Errorf("%d connections a second, want 1: 8*512/4 = 1024", got)
	}
}

// The average converges to a steady rate, and to 0 afterwards.
func TestRates_SettleAtTheTruth(t *testing.T) {
	r := newRegistry(t, service.Options{}, web(1))
	server := r.table.Server(0)
	step := func(t service.Tally) service.Tally {
		for range 120 {
			server.Add(0, &t)
			r.Estimate()
		}
		return r.Total().Rates()
	}
	want := service.Tally{Conns: 50, InPkts: 1_000_000, OutPkts: 1, InBytes: 12_500_000_000, OutBytes: 7}
	if got := step(service.Tally{Conns: 100, InPkts: 2_000_000, OutPkts: 2, InBytes: 25_000_000_000, OutBytes: 14}); got != want {
		t.Errorf("%+v a second, want %+v", got, want)
	}
	if got := step(service.Tally{}); got != (service.Tally{}) {
		t.Errorf("%+v a second afterwards, want none", got)
	}
}

// The counts of all workers are summed while the workers count.
func TestStatistics_OfManyWorkers(t *testing.T) {
	const workers, steps = 4, 10_000
	r := newRegistry(t, service.Options{Workers: workers}, web(1))
	server := r.table.Server(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range uint64(steps) {
				server.Add(w, &service.Tally{Conns: 1, InPkts: 2, OutPkts: i % 2, InBytes: 100, OutBytes: 60 * (i % 2)})
			}
		})
	}
	var last service.Tally
	for range 100 {
		r.Estimate()
		now := r.Total().Stats()
		if now.Conns < last.Conns || now.InBytes < last.InBytes {
			t.Errorf("%+v after %+v: counts fell", now, last)
		}
		last = now
	}
	wg.Wait()
	r.Estimate()
	want := service.Tally{Conns: 40_000, InPkts: 80_000, OutPkts: 20_000, InBytes: 4_000_000, OutBytes: 1_200_000}
	if got := r.Total().Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Tally does not depend on Zero and Estimate. The sum of all services includes
// removed services.
func TestTally_OnlyGrows(t *testing.T) {
	spec := web(2)
	r := newRegistry(t, service.Options{}, spec)
	first, second := r.table.Server(0), r.table.Server(1)
	want := func(what string, all, of, one uint64) {
		t.Helper()
		if got := [...]uint64{r.Tally(nil).Conns, r.Tally(&spec.Key).Conns, first.Tally().Conns}; got != [...]uint64{all, of, one} {
			t.Errorf("%s: connections of all, the service, its server: %v, want %v", what, got, [...]uint64{all, of, one})
		}
	}
	count(first, 5)
	count(second, 7)
	want("not yet looked at", 12, 12, 5)
	r.Estimate()
	r.must(r.Zero(nil))
	want("zeroed", 12, 12, 5)
	r.change(r.DeleteServer(spec.Key, second.Addr, second.Port))
	count(second, 100) // in the trash
	want("without a server", 12, 12, 5)
	r.change(r.DeleteService(spec.Key))
	want("without the service", 12, 0, 5)
}
