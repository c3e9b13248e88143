package top

import (
	"cmp"
	"math"
	"slices"
	"time"

	"director/control"
	"director/packet"
	"director/service"
	"director/view/figures"
)

// sample is a director's answer.
type sample struct {
	figures.Figures
	services []control.Service
}

// rate is an amount per second. It is negative where it is not known: of one
// sample alone there is none.
type rate float64

const unknown rate = -1

// per returns how fast a count grew in so many seconds. A count that fell was
// begun anew in between, at 0.
func per(before, now uint64, seconds float64) rate {
	if !(seconds > 0) {
		return unknown
	}
	if now < before {
		before = 0
	}
	return rate(float64(now-before) / seconds)
}

// plus adds what is known.
func (r rate) plus(o rate) rate { return max(r, 0) + max(o, 0) }

// snapshot is a sample with its rates.
type snapshot struct {
	sample
	conns, expired, rx, tx, host, drop rate
	lost                               rate // by queues
	workers                            []worker
	queues                             []queue
	unserved                           []tally // by interface
	drops, left                        []tally // by reason; left to the kernel
	rates                              map[target]traffic
}

// worker is one with its rates. load is its CPU's, 1 for all of it; batch the mean
// number of frames; share by size of batch adds up to 1. They are negative, or nil,
// where nothing was done.
type worker struct {
	figures.Worker
	load, batch                     float64
	share                           []float64
	rx, tx, host, drop, hand, conns rate
}

// queue is one with its rates. losses are by kind, those that are not 0.
type queue struct {
	figures.Queue
	rx, tx, lost rate
	losses       []tally
}

// tally is a named count.
type tally struct {
	name  string
	total uint64
	rate  rate
}

// target is a service, or a server of one.
type target struct {
	service service.Key
	addr    packet.Addr
	port    uint16
}

// traffic is a target's rates, bytes of IP.
type traffic struct{ conns, inPkts, outPkts, inBytes, outBytes rate }

// history is what rates are made of.
type history struct {
	last *sample
	// counted is the last sample with another time of counting than the one
	// before: counts of services move in steps, so a rate is taken from step to step.
	counted *sample
	rates   map[target]traffic
}

// take makes a snapshot of a sample. restarted says that it is another director's
// than the last, with which it then shares nothing.
func (h *history) take(s sample) (now snapshot, restarted bool) {
	if h.last != nil && (h.last.PID != s.PID || !h.last.Started.Equal(s.Started)) {
		*h, restarted = history{}, true
	}
	before := cmp.Or(h.last, &sample{})
	seconds := 0.0
	if h.last != nil {
		seconds = s.At.Sub(before.At).Seconds()
	}
	now = snapshot{sample: s}
	now.compareWorkers(before, seconds)
	now.compareQueues(before, seconds)
	switch {
	case h.counted == nil:
		h.counted, h.rates = &s, estimated(s.services)
	case !h.counted.Counted.Equal(s.Counted):
		h.rates = compareServices(h.counted, &s)
		h.counted = &s
	}
	if s.At.Sub(s.Counted) <= standstill {
		now.rates = h.rates
	}
	h.last = &s
	return now, restarted
}

// standstill is after what time without a new count (it should be two seconds) the
// counts of services stand still, for want of run_estimation, and say nothing of now.
const standstill = 10 * time.Second

func (n *snapshot) compareWorkers(before *sample, seconds float64) {
	was := map[int]figures.Worker{}
	for _, w := range before.Workers {
		was[w.Index] = w
	}
	drops, dropped, left, leftBefore := map[string]uint64{}, map[string]uint64{}, map[string]uint64{}, map[string]uint64{}
	for _, w := range n.Workers {
		b := was[w.Index]
		of := func(count func(figures.Worker) uint64) rate { return per(count(b), count(w), seconds) }
		one := worker{
			Worker: w, load: float64(unknown), batch: float64(unknown),
			rx:    of(func(w figures.Worker) uint64 { return sum(w.Rx) }),
			tx:    of(func(w figures.Worker) uint64 { return sum(w.Tx) }),
			host:  of(func(w figures.Worker) uint64 { return sum(w.Host) }),
			drop:  of(func(w figures.Worker) uint64 { return sum(w.Drops) }),
			hand:  of(func(w figures.Worker) uint64 { return w.Handoff }),
			conns: of(func(w figures.Worker) uint64 { return w.Conns }),
		}
		if seconds > 0 {
			one.load = max(0, w.CPUSeconds-b.CPUSeconds) / seconds
			one.batches(b.Batches, sum(b.Rx))
		}
		n.workers = append(n.workers, one)
		n.rx, n.tx, n.host, n.drop = n.rx.plus(one.rx), n.tx.plus(one.tx), n.host.plus(one.host), n.drop.plus(one.drop)
		n.conns = n.conns.plus(one.conns)
		n.expired = n.expired.plus(of(func(w figures.Worker) uint64 { return w.Expired }))
		add(drops, w.Drops)
		add(dropped, b.Drops)
		add(left, w.Host)
		add(leftBefore, b.Host)
	}
	if !(seconds > 0) {
		n.rx, n.tx, n.host, n.drop, n.conns, n.expired = unknown, unknown, unknown, unknown, unknown, unknown
	}
	n.drops, n.left = tallies(dropped, drops, seconds), tallies(leftBefore, left, seconds)
}

// batches says what batches the worker had since before.
func (w *worker) batches(before []uint64, framesBefore uint64) {
	var total uint64
	share := make([]float64, len(w.Batches))
	for i, n := range w.Batches {
		if i < len(before) && before[i] <= n {
			n -= before[i]
		}
		share[i] = float64(n)
		total += n
	}
	if frames := sum(w.Rx); total > 0 && frames >= framesBefore {
		w.batch = float64(frames-framesBefore) / float64(total)
		for i := range share {
			share[i] /= float64(total)
		}
		w.share = share
	}
}

func (n *snapshot) compareQueues(before *sample, seconds float64) {
	type place struct {
		name  string
		queue int
	}
	was := map[place]figures.Queue{}
	for _, q := range before.Queues {
		was[place{q.Interface, q.Queue}] = q
	}
	n.lost = unknown
	for _, q := range n.Queues {
		b := was[place{q.Interface, q.Queue}]
		one := queue{
			Queue: q, rx: per(b.Rx, q.Rx, seconds), tx: per(b.Tx, q.Tx, seconds),
			losses: tallies(losses(b), losses(q), seconds), lost: per(0, 0, seconds),
		}
		for _, l := range one.losses {
			one.lost = one.lost.plus(l.rate)
		}
		n.queues = append(n.queues, one)
	}
	n.unserved = tallies(before.Unserved, n.Unserved, seconds)
	if seconds > 0 {
		for _, q := range n.queues {
			n.lost = n.lost.plus(q.lost)
		}
		for _, u := range n.unserved {
			n.lost = n.lost.plus(u.rate)
		}
	}
}

// losses is what a queue lost, by kind.
func losses(q figures.Queue) map[string]uint64 {
	return map[string]uint64{
		"rx-ring-full": q.RxRingFull, "rx-invalid": q.RxInvalid,
		"tx-full": q.TxFull, "tx-down": q.TxDown, "tx-invalid": q.TxInvalid,
		"kernel": q.KernelDrops, "host-failed": q.HostFailed,
	}
}

// compareServices returns the rates of everything in now. The two must differ in
// the time of counting.
func compareServices(before, now *sample) map[target]traffic {
	seconds := now.Counted.Sub(before.Counted).Seconds()
	was := map[target]control.Stats{}
	each(before.services, func(t target, s control.Stats, _ control.Rates) { was[t] = s })
	rates := map[target]traffic{}
	each(now.services, func(t target, s control.Stats, r control.Rates) {
		b, known := was[t]
		if !known || before.Counted.IsZero() {
			rates[t] = averaged(r)
			return
		}
		rates[t] = traffic{
			per(b.Conns, s.Conns, seconds), per(b.InPkts, s.InPkts, seconds), per(b.OutPkts, s.OutPkts, seconds),
			per(b.InBytes, s.InBytes, seconds), per(b.OutBytes, s.OutBytes, seconds),
		}
	})
	return rates
}

// estimated returns the director's own averages, for want of better: those of
// ipvsadm --rate, which follow a change slowly.
func estimated(services []control.Service) map[target]traffic {
	rates := map[target]traffic{}
	each(services, func(t target, _ control.Stats, r control.Rates) { rates[t] = averaged(r) })
	return rates
}

func averaged(r control.Rates) traffic {
	return traffic{rate(r.CPS), rate(r.InPPS), rate(r.OutPPS), rate(r.InBPS), rate(r.OutBPS)}
}

func each(services []control.Service, visit func(target, control.Stats, control.Rates)) {
	for i := range services {
		s := &services[i]
		visit(target{service: s.Key}, s.Stats, s.Rates)
		for j := range s.Servers {
			r := &s.Servers[j]
			visit(target{s.Key, r.Addr, r.Port}, r.Stats, r.Rates)
		}
	}
}

// tallies compares counts by name, leaves out those that are 0, and puts the
// fastest first, then the largest.
func tallies(before, now map[string]uint64, seconds float64) (all []tally) {
	for name, n := range now {
		if n > 0 {
			all = append(all, tally{name, n, per(before[name], n, seconds)})
		}
	}
	slices.SortFunc(all, func(a, b tally) int {
		return cmp.Or(cmp.Compare(b.rate, a.rate), cmp.Compare(b.total, a.total), cmp.Compare(a.name, b.name))
	})
	return all
}

func sum(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func add(to, counts map[string]uint64) {
	for name, n := range counts {
		to[name] += n
	}
}

// uptime is how long the director has been running.
func (n *snapshot) uptime() time.Duration { return max(0, n.At.Sub(n.Started)) }

// fill is how full the table is, 0 to 1.
func (n *snapshot) fill() float64 { return float64(n.Table.Used) / math.Max(1, float64(n.Table.Size)) }
