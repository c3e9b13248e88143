package dataplane

import (
	"sync/atomic"

	"director/internal/ordered"
)

// The longest sleep of a worker without work, in nanoseconds.
const (
	// maxSleep is short enough that a round over the table is done before connections
	// are a second late: see sweepPeriod. It is not shorter, because a wake-up costs
	// an idle director more than the round.
	maxSleep = 500_000_000
	// pendingSleep is for a worker with pending frames, because the new view with the
	// neighbour's address does not wake the worker.
	pendingSleep = 10_000_000
)

// yields is the number of times that an idle worker yields its CPU and checks its
// queues again before it sleeps. A wake-up often takes longer than the next frame
// needs to arrive, and a CPU without work would sleep as well. This costs some
// microseconds in each pause of the traffic.
const yields = 32

// Worker takes frames from its queues through the stages. It belongs to one
// goroutine, but any goroutine may call Counts, Stepped and Stop.
//
// The fields are ordered from the bottom up: a part uses only parts above it in this
// list. All of them point to the step, which is in batch.
type Worker struct {
	out        output    // sends frames
	tracker    tracker   // finds and admits connections
	forwarder  forwarder // rewrites frames for their next hop
	scheduler  scheduler // decides on frames without a connection
	icmp       icmpErrors
	ipsec      ipsec
	batch      batch // the step; the frames of the current batch and their stages
	capture    capture
	reassembly reassembly // reassembles fragments
	sweep      sweep      // expires connections

	waiter   Waiter
	stepped  ordered.Int64 // when the last step began
	sleeping atomic.Bool
	stopping atomic.Bool
}

// Counts returns the counts of the worker up to its last step.
func (w *Worker) Counts() Counts { return w.batch.snapshot() }

// Stepped returns when the worker's last step began, on the engine's clock, or 0
// before the first one.
func (w *Worker) Stepped() int64 { return w.stepped.Load() }

// Stop makes Run return after the step in progress.
func (w *Worker) Stop() {
	w.stopping.Store(true)
	w.waiter.Wake()
}

// Run serves the worker's queues until Stop. It does not sleep during a round over
// the connection table. It returns the error of a port that failed. The caller must
// have locked the goroutine to a pinned thread.
func (w *Worker) Run() error {
	for idle := 0; !w.stopping.Load(); {
		n, err := w.Step()
		if err != nil {
			return err
		}
		if n > 0 || w.sweep.sweeping {
			idle = 0
			continue
		}
		if idle++; idle <= yields {
			w.waiter.Yield()
			continue
		}
		w.sleeping.Store(true)
		if !w.out.inboxFilled() {
			err = w.waiter.Wait(w.maxWait())
		}
		w.sleeping.Store(false)
		if err != nil {
			return err
		}
	}
	return nil
}

// maxWait returns how long the worker may sleep.
func (w *Worker) maxWait() int64 {
	if w.out.pending.n > 0 {
		return pendingSleep
	}
	return maxSleep
}

// Step serves every interface once and expires some connections. It returns the
// number of received frames.
func (w *Worker) Step() (int, error) {
	giant := w.batch.engine.giant
	if giant == nil {
		return w.run()
	}
	giant.Lock()
	n, err := w.run()
	giant.Unlock()
	return n, err
}

// run is Step without the giant lock.
func (w *Worker) run() (int, error) {
	w.batch.begin()
	w.stepped.Store(w.batch.now)
	n := 0
	for i := range w.out.ifaces {
		got, err := w.serve(&w.out.ifaces[i])
		if err != nil {
			return n, err
		}
		n += got
	}
	n += w.out.takeInboxes()
	w.out.retryPending()
	if err := w.out.flush(); err != nil {
		return n, err
	}
	w.sweep.advance()
	w.batch.publish()
	return n, nil
}

// serve takes one batch of an interface through the stages.
func (w *Worker) serve(in *iface) (int, error) {
	if in.port == nil {
		return 0, nil
	}
	rx := &in.rx
	if err := in.port.Recv(rx); err != nil || rx.N == 0 {
		return 0, err
	}
	n := rx.N
	w.batch.countBatch(in.index, n)
	if w.batch.tap != nil {
		w.capture.received(in, rx)
	}
	w.batch.run(in, rx)
	if w.batch.tap != nil {
		w.capture.decided(in, rx)
	}
	if w.batch.fragments {
		w.reassembly.reassemble(in, rx)
	}
	return n, in.port.Flush(rx)
}
