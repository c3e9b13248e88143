package daemon

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"director/dataplane"
	"director/dataplane/afpacket"
	"director/dataplane/afxdp"
	"director/dataplane/reinject"
	"director/packet"
	"director/view/figures"
)

// Figures returns what the director has done up to now. It only reads the counters that
// workers and ports publish.
func (d *Daemon) Figures() figures.Figures {
	f := figures.Figures{
		At: time.Now(), Started: d.started, Version: d.version, PID: os.Getpid(),
		Table:   figures.Table{Size: d.shared.Conns().Size(), Used: d.shared.Conns().Used()},
		Changes: d.control.Differing(),
		Removed: d.control.Removed(),
		Reload:  d.reloads.figures(),
	}
	if d.recorder != nil {
		if failed := d.recorder.failed.Load(); failed != nil {
			f.JournalError = *failed
		}
	}
	if ns := d.counted.Load(); ns != 0 {
		f.Counted = time.Unix(0, ns)
	}
	for i, w := range d.workers {
		f.Workers = append(f.Workers, d.workerFigures(i, w))
	}
	f.LinksDown = d.linksDown()
	if h := d.holder.Load(); h != nil {
		for _, ip := range h.Missing() {
			f.VIPsMissing = append(f.VIPsMissing, ip.String())
		}
	}
	for _, a := range d.ifaces {
		if a.short {
			f.ShortOfMemory = append(f.ShortOfMemory, a.name)
		}
		for i := range a.ports {
			f.Queues = append(f.Queues, d.queueFigures(a, i))
		}
		if a.xdp == nil {
			continue
		}
		n, err := a.xdp.Unserved()
		if err != nil {
			d.log.Warn().Err(err).Str("interface", a.name).Msg("figures show an old counter of frames on queues that no worker serves")
		}
		if n > 0 {
			if f.Unserved == nil {
				f.Unserved = map[string]uint64{}
			}
			f.Unserved[a.name] = n
		}
	}
	return f
}

func (d *Daemon) workerFigures(i int, w *dataplane.Worker) figures.Worker {
	names := make([]string, len(d.ifaces))
	for k, a := range d.ifaces {
		names[k] = a.name
	}
	f := nameCounts(w.Counts(), names)
	f.Index, f.CPU, f.CPUSeconds = i, d.cpus[i], threadSeconds(int(d.threads[i].Load()))
	return f
}

// nameCounts gives a worker's counters the names of interfaces and reasons.
func nameCounts(c dataplane.Counts, interfaces []string) figures.Worker {
	f := figures.Worker{
		Rx: map[string]uint64{}, Tx: map[string]uint64{},
		Host: byReason(&c.Host), Drops: byReason(&c.Drops),
		Handoff: c.Handoff, Conns: c.Conns, Untracked: c.Untracked, Expired: c.Expired, Doubted: c.Doubted, Batches: c.Batches[:],
	}
	for k, name := range interfaces {
		f.Rx[name], f.Tx[name] = c.Rx[k], c.Tx[k]
	}
	f.Completed, f.Wrong = byInterface(&c.Completed, interfaces), byInterface(&c.Wrong, interfaces)
	return f
}

// linksDown returns the interfaces whose link is down or that do not exist any more.
func (d *Daemon) linksDown() (names []string) {
	links := d.shared.View().Hops.Interfaces()
	for i, name := range d.config.Interfaces {
		if i >= len(links) || !links[i].Up {
			names = append(names, name)
		}
	}
	return names
}

// byInterface names the counts that are not zero. It returns nil if all are zero.
func byInterface(counts *[dataplane.MaxInterfaces]uint64, interfaces []string) (named map[string]uint64) {
	for k, name := range interfaces {
		if counts[k] == 0 {
			continue
		}
		if named == nil {
			named = map[string]uint64{}
		}
		named[name] = counts[k]
	}
	return named
}

// byReason names the counts that are not zero.
func byReason(counts *[packet.Reasons]uint64) map[string]uint64 {
	named := map[string]uint64{}
	for r, n := range counts {
		if n > 0 {
			named[packet.Reason(r).String()] = n
		}
	}
	return named
}

// threadSeconds returns the CPU time that a thread of this process has used, 0 if there
// is no such thread. The number of the thread's clock is computed from the thread's
// number (CPUCLOCK_PERTHREAD_MASK and CPUCLOCK_SCHED in linux/posix-timers.h).
func threadSeconds(tid int) float64 {
	const perThread, sched = 4, 2
	var t unix.Timespec
	if tid == 0 || unix.ClockGettime(int32(^tid<<3|perThread|sched), &t) != nil {
		return 0
	}
	return float64(t.Nano()) / 1e9
}

func (d *Daemon) queueFigures(a *interfaceIO, i int) figures.Queue {
	f := figures.Queue{Interface: a.name, Queue: a.queues[i], Worker: i}
	switch p := a.ports[i].(type) {
	case *afxdp.Port:
		c, err := p.Counters()
		if err != nil {
			d.log.Warn().Err(err).Str("interface", a.name).Msg("figures show old counters of the kernel")
		}
		addXDP(&f, &c)
		f.Attach, f.Mode = attachNames[a.hook], p.Terms().Mode.String()
	case *afpacket.Port:
		c := p.Counters()
		addPacket(&f, &c)
	}
	if p, ok := a.hosts[i].(*reinject.Port); ok {
		c := p.Counters()
		f.HostReturned, f.HostFailed = c.Returned, c.Failed
	}
	return f
}

func addXDP(f *figures.Queue, c *afxdp.Counters) {
	f.IO = figures.XDP
	f.Rx, f.Tx = c.Received, c.Transmitted
	f.RxRingFull, f.RxFillEmpty, f.RxInvalid = c.Kernel.Rx_ring_full, c.Kernel.Rx_fill_ring_empty_descs, c.Kernel.Rx_invalid_descs
	f.TxFull, f.TxDown, f.TxInvalid = c.TxFull, c.TxDown, c.TxInvalid+c.TxRefused+c.Kernel.Tx_invalid_descs
	f.KernelDrops, f.Syscalls = c.Kernel.Rx_dropped, c.Kicks+c.Wakes
}

func addPacket(f *figures.Queue, c *afpacket.Counters) {
	f.IO = figures.Packet
	f.Rx, f.Tx = c.Rx, c.Tx
	f.RxRingFull, f.RxInvalid = c.KernelFreezes, c.RxTruncated+c.RxOversize+c.RxUnsupported
	f.TxFull, f.TxDown, f.TxInvalid = c.TxFull, c.TxDown, c.TxOversize+c.TxErrors
	f.KernelDrops, f.SuperPackets = c.KernelDrops, c.RxSuper
}
