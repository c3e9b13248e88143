package dataplane

import (
	"math/bits"
	"sync/atomic"

	"director/conntrack"
	"director/dataplane/fragment"
	"director/internal/ordered"
	"director/packet"
	"director/service"
)

// How long a worker waits when there is nothing to do, in nanoseconds.
const (
	// maxSleep leaves time for a round over the table before connections are
	// a second late: see sweepPeriod. Each waking costs an idle director more
	// than the round does.
	maxSleep = 500_000_000
	// heldSleep is for a worker that holds frames: the view with the address
	// that they wait for wakes nobody.
	heldSleep = 10_000_000
)

// yields is how often a worker looks again, after it has let others run on its
// CPU, before it sleeps: to wake up takes longer than the next frame often needs,
// and a CPU that has nothing else to do would go to sleep as well. It is some
// microseconds for each time that traffic pauses.
const yields = 32

// interface is one interface as one worker sees it.
type iface struct {
	index uint8

	// port is the worker's queue of the interface, or nil when the interface
	// has fewer queues than there are workers; frames then go by way of ring.
	port Port
	rx   packet.Batch // received on port
	tx   packet.Batch // allocated on port, for frames that came in elsewhere
	ring *handoff

	// inbox holds the rings of workers without a queue on this interface.
	inbox []*handoff

	// host gives frames of this interface back to the kernel.
	host Port
	back packet.Batch
}

// job is what the stages find out about one frame of the batch in hand.
type job struct {
	hash  uint64 // of the client's side
	out   bool   // a real server's answer, by its addresses
	conn  conntrack.Conn
	found bool

	retire bool          // old is to end
	old    conntrack.Ref // the connection that was found, and is over
}

// Worker takes frames from its queues through the stages. It belongs to one
// goroutine; Counts and Stop may be called from any.
type Worker struct {
	shared  *Engine
	index   int                // among the workers
	view    *View              // of this step
	machine *conntrack.Machine // of this step
	now     int64              // of this step
	ifaces  []iface
	jobs    [packet.BatchSize]job
	hashes  [packet.BatchSize]uint64         // of the jobs, once more and close together
	hints   [packet.BatchSize]conntrack.Hint // of the jobs
	held    hold
	sweep   sweep
	ident   uint16 // next identification of a header of our own
	counters
	statistics
	slowPath
	tap      *tapper // of this step, nil while nobody captures
	waiter   Waiter
	stepped  ordered.Int64 // when the last step began
	sleeping atomic.Bool
	stopping atomic.Bool
}

// Counts returns what the worker has done up to its last step.
func (w *Worker) Counts() Counts { return w.snapshot() }

// Stepped returns when the worker's last step began, by the clock of Shared, 0
// before the first one.
func (w *Worker) Stepped() int64 { return w.stepped.Load() }

// Stop makes Run return after the step in progress.
func (w *Worker) Stop() {
	w.stopping.Store(true)
	w.waiter.Wake()
}

// Run serves the worker's queues until Stop, and does not sleep in the middle of
// a round over the table. It returns the error of a port that broke. The caller
// has locked and pinned the thread.
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
		if !w.inboxFilled() {
			err = w.waiter.Wait(w.patience())
		}
		w.sleeping.Store(false)
		if err != nil {
			return err
		}
	}
	return nil
}

// patience is how long the worker may sleep.
func (w *Worker) patience() int64 {
	if w.held.n > 0 {
		return heldSleep
	}
	return maxSleep
}

// slowPath is room for what only some packets need.
type slowPath struct {
	frame     [packet.MaxFrame]byte // one of our own making
	record    conntrack.Record
	victim    conntrack.Conn
	template  conntrack.Conn
	ended     [2]conntrack.Conn
	quote     packet.Quote
	flow      packet.Flow // of the packet that is quoted
	missed    bool        // the batch in hand has packets without a connection
	rest      bool        // the batch in hand has packets that are not rewritten yet
	stay      int         // frames of the batch that leave by the interface they came in by, as far as track knows
	fragments bool        // the batch in hand has some
	whole     *fragment.Datagram
	one       packet.Batch // of a whole datagram
	largest   uint16       // of the fragments of the datagram in hand, 0 for other packets
}

// refresh takes up the newest view.
func (w *Worker) refresh() {
	w.view = w.shared.view.Load()
	w.machine = conntrack.MachineFor(w.shared.defence.secure.Load())
	w.grow(len(w.view.Services.Servers()))
}

// Step serves every interface once, ends some of the connections whose time is up and
// returns how many frames it took in.
func (w *Worker) Step() (int, error) {
	giant := w.shared.giant
	if giant == nil {
		return w.step()
	}
	giant.Lock()
	n, err := w.step()
	giant.Unlock()
	return n, err
}

func (w *Worker) step() (int, error) {
	w.refresh()
	w.now = w.shared.clock()
	w.stepped.Store(w.now)
	w.tap = w.tapper()
	n := 0
	for i := range w.ifaces {
		got, err := w.serve(&w.ifaces[i])
		if err != nil {
			return n, err
		}
		n += got
	}
	n += w.takeInboxes()
	w.retryHeld()
	if err := w.flush(); err != nil {
		return n, err
	}
	w.expire()
	w.publish()
	w.settleTallies()
	return n, nil
}

// serve takes one batch of an interface through the stages.
func (w *Worker) serve(a *iface) (int, error) {
	if a.port == nil {
		return 0, nil
	}
	b := &a.rx
	if err := a.port.Recv(b); err != nil || b.N == 0 {
		return 0, err
	}
	n := b.N
	w.add(rxCount+int(a.index), uint64(n))
	w.add(batchCount+bits.Len(uint(n-1)), 1)
	if w.tap != nil {
		w.tapIn(a, b)
	}
	w.classify(a, b)
	w.track(b, a.index)
	w.schedule(b)
	w.rewrite(b)
	w.transmit(a, b)
	if w.tap != nil {
		w.tapOut(a, b)
	}
	if w.fragments {
		w.assemble(a, b)
	}
	return n, a.port.Flush(b)
}

// drop decides that a frame ends here.
func (w *Worker) drop(f *packet.Frame, reason packet.Reason) {
	f.Verdict, f.Reason = packet.Drop, reason
	w.add(dropCount+int(reason), 1)
}

// leave decides that a frame is the kernel's. It must be as it was received.
func (w *Worker) leave(f *packet.Frame, reason packet.Reason) {
	f.Verdict, f.Reason = packet.Host, reason
	w.add(hostCount+int(reason), 1)
}

// server returns the real server of a connection.
func (w *Worker) server(c *conntrack.Conn) *service.Server {
	return w.view.Services.Server(c.Server())
}
