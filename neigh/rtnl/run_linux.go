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
	// coalesce is how long after an event a snapshot is made: a burst of events
	// makes one.
	coalesce = 3 * time.Millisecond
	// tick is how often a worker's request may be repeated and the queues are
	// counted (there is no event for those).
	tick = time.Second
	// refreshTicks is how many ticks pass between two looks at stale neighbours
	// in use: as long as the kernel waits before it probes one
	// (delay_first_probe_time).
	refreshTicks = 5
)

// dirt is what has to be listed again.
type dirt uint8

const (
	links      dirt = 1 << iota // links and their addresses
	routes                      // all of the main table
	neighbors                   // events were lost
	outdated                    // nothing to list, but the snapshot is old
	everything = links | routes | neighbors | outdated
)

// batch is what one read of the subscription brought.
type batch struct {
	msgs []syscall.NetlinkMessage
	lost bool // the kernel dropped events before this
	err  error
}

// Run follows the kernel until ctx ends, then returns nil. An error names the
// interface that vanished or whose queues changed.
func (w *Watch) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer w.events.Close() // ends the read that read is in
	batches := make(chan batch)
	wg.Go(func() { w.read(ctx, batches) })

	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	settle := time.NewTimer(coalesce)
	armed := true
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
			was := w.snapshot.Load()
			if err := w.list(); err != nil {
				return err
			}
			if w.snapshot.Load() != was {
				w.manage()
			}
		}
		if w.dirty != 0 && !armed {
			settle.Reset(coalesce)
			armed = true
		}
	}
}

// read passes on what the subscription brings until it is closed.
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

// drain throws away what is queued after events were lost. The error comes
// before the events that were queued when the queue was full; taken after the
// listing that makes up for the loss, they would bring the past back.
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

// take notes what a batch of events makes dirty.
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
			// The kernel tells of these first and takes IPv4 routes away
			// afterwards, silently (fib_sync_down_dev): hence once more later.
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
