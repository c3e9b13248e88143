package daemon

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"director/dataplane"
	"director/dataplane/poller"
	"director/host/cpu"
	"director/host/irq"
	"director/host/plan"
)

// employ creates the workers: as many as the interface with the most queues has queues.
func (d *Daemon) employ() error {
	ifaces := make([]dataplane.Interface, len(d.ifaces))
	n := 0
	for i, a := range d.ifaces {
		ifaces[i] = dataplane.Interface{Queues: a.ports, Hosts: a.hosts, Partial: a.partial}
		n = max(n, len(a.ports))
	}
	waiters := make([]dataplane.Waiter, n)
	for w := range n {
		var fds []int
		for _, a := range d.ifaces {
			if w < len(a.ports) {
				fds = append(fds, a.ports[w].Fd())
			}
		}
		p, err := poller.New(fds...)
		if err != nil {
			return err
		}
		d.defers("close a worker's eventfd", p.Close)
		waiters[w] = p
	}
	if err := d.build(n); err != nil {
		return err
	}
	var err error
	d.workers, err = dataplane.NewWorkers(d.shared, ifaces, waiters)
	return err
}

// makeRoom keeps all other threads off the workers' CPUs, if there are other CPUs. It
// gives the Go scheduler more processors than there are workers, because a worker does
// not yield its processor while there is traffic.
func (d *Daemon) makeRoom() error {
	runtime.GOMAXPROCS(len(d.workers) + max(2, len(d.workers)/4))
	spare, err := cpu.Allowed()
	if err != nil {
		return err
	}
	spare = slices.DeleteFunc(spare, func(c int) bool { return slices.Contains(d.cpus, c) })
	if len(spare) == 0 {
		return nil
	}
	return cpu.Confine(spare)
}

// work starts the workers, each on a thread and a CPU of its own.
func (d *Daemon) work() {
	var running sync.WaitGroup
	d.threads = make([]atomic.Int32, len(d.workers))
	for i, w := range d.workers {
		running.Go(func() {
			runtime.LockOSThread() // and never unlocked: a pinned thread must not run other goroutines
			d.threads[i].Store(int32(unix.Gettid()))
			_ = cpu.Name(fmt.Sprintf("worker-%d", i)) // an error only makes the thread harder to find
			err := cpu.Pin(d.cpus[i])
			if err == nil {
				err = w.Run()
			}
			d.fail(err)
		})
	}
	d.defers("stop the workers", func() error {
		for _, w := range d.workers {
			w.Stop()
		}
		running.Wait()
		d.report()
		return nil
	})
}

// pinInterrupts moves the interrupt of each served queue beside its worker, if the
// flags ask for it.
func (d *Daemon) pinInterrupts(wanted []plan.Interrupt) error {
	if wanted == nil {
		return nil
	}
	pins := irq.New("/")
	d.defers("give the interrupts back", pins.Restore)
	for _, w := range wanted {
		device, err := d.nic.Device(w.Interface)
		if err != nil {
			return err
		}
		irqs, err := pins.Pin(w.Interface, device, w.Queue, w.CPU)
		log := d.log.Info().Str("interface", w.Interface).Int("queue", w.Queue)
		switch {
		case errors.Is(err, irq.ErrNone):
			log.Msg("no interrupt to pin: the interface has no interrupts")
		case err != nil:
			return err
		default:
			log.Ints("irqs", irqs).Int("cpu", w.CPU).Msg("interrupt pinned")
		}
	}
	return nil
}
