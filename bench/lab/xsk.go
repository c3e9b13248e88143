//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asavie/xdp"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"director/dataplane/poller"
	"director/packet"
)

const (
	// xskWait is the longest wait of a forwarder, in nanoseconds, before it checks
	// whether it must stop.
	xskWait = 20_000_000
	// xskRing is the number of entries of each ring, as in the director's ports.
	xskRing = 2048
	// xskKicks is how many additional system calls a batch may take. Kernels
	// without XDP_MAX_TX_SKB_BUDGET send 32 frames in each.
	xskKicks = 3
)

// xsk is a set of forwarders, one for each queue. Between receiving and sending, a
// forwarder only makes the copy that a second interface requires. Its sockets are
// opened and used through github.com/asavie/xdp, as in that package's examples: the
// loop shares no code with the director's ports.
//
// The package requires an order of calls. It treats a frame as free as soon as it
// was received, so Fill must follow the copying of the frame. Its slices are valid
// until the next call.
//
// A closed socket leaves its rings mapped, so its queue stays busy until the
// process ends. Every contender has interfaces of its own.
type xsk struct {
	objects    redirectObjects
	link       link.Link
	forwarders []*forwarder
	stopping   atomic.Bool
	running    sync.WaitGroup
}

// forwarder serves one queue.
type forwarder struct {
	in, out *xdp.Socket
	waiter  *poller.Poller
	headers [12]byte // the Ethernet addresses of outgoing frames
	tid     int
	err     error // the error that ended it
}

// lacksXSK returns why the bare loop cannot run here.
func lacksXSK() string {
	if runtime.GOARCH != "amd64" {
		return "github.com/asavie/xdp has no memory barriers in its rings: only amd64 orders its loads and stores"
	}
	return ""
}

func startXSK(_ context.Context, _ *bench, n *network, p placement) (*running, error) {
	x := &xsk{}
	if err := n.director.Do(func() error { return x.open(n) }); err != nil {
		return nil, errors.Join(err, x.stop())
	}
	started := make(chan struct{})
	for i, f := range x.forwarders {
		x.running.Go(func() {
			var once sync.Once
			begun := func() { once.Do(func() { started <- struct{}{} }) }
			defer begun() // also if run fails before it calls begun
			f.err = n.director.Do(func() error {
				return onCPU(p.workers[i], func() error {
					f.tid = unix.Gettid()
					begun()
					return f.run(&x.stopping)
				})
			})
		})
	}
	for range x.forwarders {
		<-started
	}
	return &running{used: x.used, stop: x.stop}, nil
}

// open opens both queues of each worker and attaches the program that redirects
// frames to them.
func (x *xsk) open(n *network) error {
	spec, err := loadRedirect()
	if err != nil {
		return err
	}
	spec.Maps[redirectMapSockets].MaxEntries = uint32(n.workers)
	if err := spec.LoadAndAssign(&x.objects, nil); err != nil {
		return fmt.Errorf("load the program of the bare forwarder: %w", err)
	}
	x.link, err = link.AttachXDP(link.XDPOptions{
		Program: x.objects.Redirect, Interface: n.end["in0"].index, Flags: link.XDPDriverMode,
	})
	if err != nil {
		return fmt.Errorf("attach the program of the bare forwarder: %w", err)
	}
	for q := range n.workers {
		f := &forwarder{}
		copy(f.headers[:], n.end["sink0"].mac)
		copy(f.headers[6:], n.end["out0"].mac)
		x.forwarders = append(x.forwarders, f)
		if f.in, err = newSocket(n.end["in0"].index, q); err != nil {
			return fmt.Errorf("in0 queue %d: %w", q, err)
		}
		if f.out, err = newSocket(n.end["out0"].index, q); err != nil {
			return fmt.Errorf("out0 queue %d: %w", q, err)
		}
		if f.waiter, err = poller.New(f.in.FD()); err != nil {
			return err
		}
		f.fill() // frames arrive as soon as the socket is registered
		if err := x.objects.Sockets.Put(uint32(q), uint32(f.in.FD())); err != nil {
			return fmt.Errorf("register the socket of queue %d: %w", q, err)
		}
	}
	return nil
}

// newSocket opens a socket in copy mode: veth supports no other mode.
func newSocket(ifindex, queue int) (*xdp.Socket, error) {
	xdp.DefaultSocketFlags = unix.XDP_COPY | unix.XDP_USE_NEED_WAKEUP
	s, err := xdp.NewSocket(ifindex, queue, &xdp.SocketOptions{
		NumFrames: 2 * xskRing, FrameSize: 2048,
		FillRingNumDescs: xskRing, CompletionRingNumDescs: xskRing,
		RxRingNumDescs: xskRing, TxRingNumDescs: xskRing,
	})
	if err != nil {
		return nil, err
	}
	// This lets one Transmit send a whole batch. Older kernels reject the option;
	// step then repeats the call.
	_ = unix.SetsockoptInt(s.FD(), unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, 256)
	return s, nil
}

// run forwards until stopping is set. Transmit panics when the link goes down.
func (f *forwarder) run(stopping *atomic.Bool) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			panic(p)
		default:
			err = fmt.Errorf("transmit: %v", p)
		}
	}()
	for !stopping.Load() {
		if f.step() > 0 {
			continue
		}
		if err := f.waiter.Wait(xskWait); err != nil {
			return err
		}
	}
	return nil
}

// step forwards a batch and returns its length. Frames without room in a ring are
// lost.
func (f *forwarder) step() int {
	f.out.Complete(f.out.NumCompleted())
	received := f.in.Receive(packet.BatchSize)
	if len(received) > 0 {
		sent := f.out.GetDescs(len(received))
		for i := range sent {
			data := f.out.GetFrame(sent[i])
			sent[i].Len = uint32(copy(data, f.in.GetFrame(received[i])))
			copy(data, f.headers[:])
		}
		f.out.Transmit(sent)
	}
	for i := 0; i < xskKicks && f.out.NumFreeTxSlots() < xskRing; i++ {
		f.out.Transmit(nil)
	}
	f.fill()
	return len(received)
}

// fill gives frames to the kernel to receive into, when half of the fill ring is
// free. It is not called more often because the package searches all frames for
// free ones.
func (f *forwarder) fill() {
	if n := f.in.NumFreeFillSlots(); n >= xskRing/2 {
		f.in.Fill(f.in.GetDescs(n))
	}
}

func (x *xsk) used() (sum time.Duration, err error) {
	for _, f := range x.forwarders {
		t, err := threadTime(f.tid)
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

// stop stops the forwarders and closes their sockets.
func (x *xsk) stop() error {
	x.stopping.Store(true)
	x.running.Wait()
	var errs []error
	if x.link != nil {
		errs = append(errs, x.link.Close())
	}
	for _, f := range x.forwarders {
		errs = append(errs, f.err)
		if f.in != nil {
			errs = append(errs, f.in.Close())
		}
		if f.out != nil {
			errs = append(errs, f.out.Close())
		}
		if f.waiter != nil {
			errs = append(errs, f.waiter.Close())
		}
	}
	return errors.Join(append(errs, x.objects.Close())...)
}
