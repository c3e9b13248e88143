package rtnl

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// coalesce is the least time between an event and the snapshot that follows it. A
	// burst of events makes one snapshot. If it takes longer than that to make one, as
	// with ten thousand addresses, the next one waits patience times as long as the last
	// one took, but longestCoalesce at most.
	coalesce        = 3 * time.Millisecond
	longestCoalesce = 500 * time.Millisecond
	patience        = 4
	// tick is the period in which a request of a worker may be repeated. The queues
	// are counted in the same period, because there is no event about them.
	tick = time.Second
	// refreshTicks is the number of ticks between two calls of refresh. The kernel
	// waits as long before it probes a neighbour (delay_first_probe_time).
	refreshTicks = 5
)

// dirt is a set of parts that must be listed again.
type dirt uint8

const (
	links      dirt = 1 << iota // links and their addresses
	routes                      // all routes of the main table
	neighbors                   // all neighbours, because events were lost
	outdated                    // nothing to list, but a new snapshot is needed
	everything = links | routes | neighbors | outdated
)

// batch is the result of one read from the subscription.
type batch struct {
	msgs []syscall.NetlinkMessage
	lost bool // the kernel dropped events before these messages
	err  error
}

// Run follows the kernel until ctx ends, and then returns nil. It returns an error if an
// interface no longer exists or its number of queues has changed; the error names it.
func (w *Watch) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer w.events.Close() // ends the system call in which read waits
	batches := make(chan batch)
	wg.Go(func() { w.read(ctx, batches) })

	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	settle := time.NewTimer(coalesce)
	armed, pause := true, coalesce
	w.adopt()
	w.manage()
	for n := 1; ; {
		if w.stale && w.dirty&outdated == 0 {
			w.measure()
		}
		select {
		case <-ctx.Done():
			return nil
		case b := <-batches:
			if err := w.take(b); err != nil {
				return err
			}
		case <-w.served:
			w.manage()
		case s := <-w.statics:
			w.static = s.all
			w.publish()
			close(s.published)
			w.manage()
		case v := <-w.wants:
			w.want(v)
		case <-ticks.C:
			clear(w.recent)
			if w.late {
				w.late, w.dirty = false, w.dirty|links|routes
			}
			if err := w.checkQueues(); err != nil {
				return err
			}
			if n++; n%refreshTicks == 0 {
				w.refresh()
				if w.retry {
					w.manage()
				}
			}
		case <-settle.C:
			armed = false
			began := time.Now()
			was := w.snapshot.Load()
			if err := w.list(); err != nil {
				return err
			}
			if w.snapshot.Load() != was {
				w.manage()
			}
			pause = min(max(patience*time.Since(began), coalesce), longestCoalesce)
		}
		if w.dirty != 0 && !armed {
			settle.Reset(pause)
			armed = true
		}
	}
}

// read sends the events of the subscription to out until the subscription is closed.
func (w *Watch) read(ctx context.Context, out chan<- batch) {
	for {
		msgs, from, err := w.events.Receive()
		if err == nil && from.Pid != nl.PidKernel {
			continue
		}
		lost := errors.Is(err, unix.ENOBUFS)
		if lost {
			err = w.drain()
		}
		select {
		case out <- batch{msgs, lost, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// drain discards the queued events after events were lost. The socket reports the loss
// before it delivers the events that were queued before. Those events are older than
// the listing that follows a loss. If they were handled after it, they would replace new
// data by old.
func (w *Watch) drain() error {
	soon, never := unix.Timeval{Usec: 1000}, unix.Timeval{}
	w.events.SetReceiveTimeout(&soon)
	defer w.events.SetReceiveTimeout(&never)
	for range queueLimit {
		_, _, err := w.events.Receive()
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return err
		}
	}
	return nil
}

// take handles a batch of events and marks the parts that they change as dirty.
func (w *Watch) take(b batch) error {
	if b.err != nil {
		return fmt.Errorf("follow netlink: %w", b.err)
	}
	if b.lost {
		w.log.Debug().Msg("netlink events lost, listing everything")
		w.dirty |= everything
	}
	for i := range b.msgs {
		m := &b.msgs[i]
		switch m.Header.Type {
		case unix.RTM_NEWLINK, unix.RTM_DELLINK, unix.RTM_NEWADDR, unix.RTM_DELADDR:
			// The kernel sends this event first. It removes IPv4 routes
			// afterwards, without an event (fib_sync_down_dev). So list
			// them again at the next tick.
			w.dirty |= links | routes
			w.late = true
		case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
			w.dirty |= routes
		case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
			w.hear(m)
		}
	}
	return nil
}
