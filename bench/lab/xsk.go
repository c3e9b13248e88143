//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"director/dataplane"
	"director/dataplane/afxdp"
	"director/dataplane/poller"
	"director/packet"
)

// xskWait is how long a forwarder sleeps at most, in nanoseconds, before it looks
// whether it is to stop.
const xskWait = 20_000_000

// xsk is forwarders on the ports that the director has, with nothing between
// receiving and sending but the copy that a second interface costs.
type xsk struct {
	objects    redirectObjects
	link       link.Link
	forwarders []*forwarder
	stopping   atomic.Bool
	running    sync.WaitGroup
}

// forwarder serves a queue.
type forwarder struct {
	in, out dataplane.Port
	waiter  *poller.Poller
	headers [12]byte // the Ethernet addresses that frames leave with
	rx, tx  packet.Batch
	tid     int
	err     error // how it ended
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
			defer begun() // it may not come as far
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

// open opens both queues of each worker and sends up what arrives.
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
		in, err := afxdp.Open(afxdp.Config{Interface: "in0", Ifindex: n.end["in0"].index, Queue: q, Mode: afxdp.Copy})
		if err != nil {
			return err
		}
		f.in = in
		out, err := afxdp.Open(afxdp.Config{Interface: "out0", Ifindex: n.end["out0"].index, Queue: q, Mode: afxdp.Copy})
		if err != nil {
			return err
		}
		f.out = out
		if f.waiter, err = poller.New(in.Fd(), out.Fd()); err != nil {
			return err
		}
		if err := x.objects.Sockets.Put(uint32(q), uint32(in.Fd())); err != nil {
			return fmt.Errorf("register the socket of queue %d: %w", q, err)
		}
	}
	return nil
}

// run forwards until it is told to stop.
func (f *forwarder) run(stopping *atomic.Bool) error {
	for !stopping.Load() {
		n, err := f.step()
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		if err := f.waiter.Wait(xskWait); err != nil {
			return err
		}
	}
	return nil
}

// step forwards a batch. What finds no room is lost.
func (f *forwarder) step() (int, error) {
	if err := f.in.Recv(&f.rx); err != nil {
		return 0, err
	}
	n := f.rx.N
	for i := range n {
		if !f.out.Alloc(&f.tx) {
			break
		}
		t := &f.tx.Frames[f.tx.N-1]
		data := t.Buf[t.Off:]
		t.Len = int32(copy(data, f.rx.Frames[i].Bytes()))
		copy(data, f.headers[:])
		t.Verdict = packet.Tx
	}
	if err := f.in.Flush(&f.rx); err != nil {
		return n, err
	}
	return n, f.out.Flush(&f.tx)
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

// stop ends the forwarders and closes everything that is open.
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
