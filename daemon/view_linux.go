package daemon

import (
	"context"
	"slices"
	"time"

	"director/control"
	"director/neigh"
	"director/packet"
	"director/service"
)

// hops returns the next hops to the clients and real servers of a service table.
func (d *Daemon) hops(t *service.Table) *neigh.Table {
	addrs := control.Addresses(t)
	if !slices.Equal(addrs, d.served) {
		d.served = addrs
		d.watch.Serve(distinct(addrs))
	}
	return neigh.New(d.watch.Snapshot(), addrs)
}

// distinct returns the addresses that are not zero, each once.
func distinct(addrs []packet.Addr) (all []packet.Addr) {
	seen := map[packet.Addr]bool{{}: true}
	for _, a := range addrs {
		if !seen[a] {
			seen[a] = true
			all = append(all, a)
		}
	}
	return all
}

// rules returns what decides which frames are the director's, as it is now.
func (d *Daemon) rules() rules {
	return rules{marks: d.config.Marks, services: d.shared.View().Services, links: d.watch.Snapshot().Links}
}

// follow starts the goroutines that pass on changes of the network to the workers and
// the steering programs, until ctx ends.
func (d *Daemon) follow(ctx context.Context) {
	d.background.Go(func() { d.fail(d.watch.Run(ctx)) })
	d.background.Go(func() { d.keepHouse(ctx) })
	d.background.Go(func() { d.followNetwork(ctx) })
}

// A change of the network is followed at once. If that takes long, as with ten thousand
// services, the next one has to wait patience times as long, but longestPause at most. So
// the changes of a busy network do not occupy a CPU.
const (
	patience     = 4
	longestPause = 500 * time.Millisecond
)

func (d *Daemon) followNetwork(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-d.watch.Changes():
			began := time.Now()
			d.control.Refresh()
			d.follower.catchUp()
			pause.Reset(min(patience*time.Since(began), longestPause))
		}
	}
}

// keepHouse does the periodic work until ctx ends.
func (d *Daemon) keepHouse(ctx context.Context) {
	every := func(period int64) *time.Ticker { return time.NewTicker(time.Duration(period)) }
	estimate, defend, collect := every(control.EstimatePeriod), every(control.DefencePeriod), every(control.CollectPeriod)
	compare := every(control.ComparePeriod)
	defer compare.Stop()
	servers := serverLog{log: d.log, states: map[packet.Addr]*serverState{}}
	defer estimate.Stop()
	defer defend.Stop()
	defer collect.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-estimate.C:
			if d.control.Estimate() {
				d.counted.Store(time.Now().UnixNano())
			}
			d.warnChecksums()
		case <-defend.C:
			d.control.Defend(d.shared.Now())
			servers.update(time.Now(), d.control.Unreachable())
		case <-compare.C:
			d.compare()
		case <-collect.C:
			d.control.Collect(d.shared.Now())
			d.repeatJournal()
		}
	}
}
