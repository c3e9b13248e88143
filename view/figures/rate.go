package figures

import (
	"cmp"
	"math"
	"slices"
)

// Rates is what a director did per second between two moments. A rate that is not
// known is NaN.
type Rates struct {
	Seconds float64 // between the two; 0: they cannot be compared, and no rate is known
	Workers []Work  // in the order of Figures.Workers
	Total   Work    // of all workers
	Queues  []Flow  // in the order of Figures.Queues
	Lost    float64 // frames lost at all queues, those without a worker included

	// The counters that are not zero, the fastest first.
	Drops    []Tally // by reason
	Left     []Tally // to the kernel, by reason
	Unserved []Tally // by interface
	Wrong    []Tally // packets with a wrong checksum that were verified, by interface
}

// Work is what a worker did per second.
type Work struct {
	CPU                          float64 // 1 is one whole CPU
	Rx, Tx, Host, Drops, Handoff float64 // frames
	Conns, Expired, Untracked    float64
	Batch                        float64   // mean number of frames in a batch; NaN if there was none
	Share                        []float64 // of each size in all batches, as Worker.Batches; nil if there was none
	frames, batches              uint64
}

// Flow is what a queue did per second, in frames.
type Flow struct {
	Rx, Tx, Lost float64
	Losses       []Tally // by Loss.Name; those that are not zero, the fastest first
}

// Tally is a named counter and its rate.
type Tally struct {
	Name  string
	Total uint64
	Rate  float64
}

// Per returns how fast a counter grew in so many seconds, NaN if seconds is not
// positive: there is one sample only, or the clock was set back.
//
// A counter that fell has started again at 0 in between, so it has grown by what it
// shows now. Nothing of what it counted before the fall is seen again.
func Per[N uint64 | float64](then, now N, seconds float64) float64 {
	return over(float64(grown(then, now)), seconds)
}

func grown[N uint64 | float64](then, now N) N {
	if now < then {
		return now
	}
	return now - then
}

func over(n, seconds float64) float64 {
	if !(seconds > 0) {
		return math.NaN()
	}
	return n / seconds
}

// Compare returns the rates between two figures. Without an earlier one (nil), or if
// that was another run's, no rate is known.
//
// Each counter of each worker and queue is compared on its own, and the results are
// added. Comparing sums would take a worker that is gone for a counter that fell. A
// worker, queue or reason that was not there before has started at 0; one that is
// gone adds nothing.
func Compare(then, now *Figures) *Rates {
	r := &Rates{}
	if then == nil || !then.SameRun(now) {
		then = &Figures{}
	} else {
		r.Seconds = max(0, now.At.Sub(then.At).Seconds())
	}
	r.compareWorkers(then, now)
	r.compareQueues(then, now)
	return r
}

func (r *Rates) compareWorkers(then, now *Figures) {
	before := map[int]*Worker{}
	for i := range then.Workers {
		before[then.Workers[i].Index] = &then.Workers[i]
	}
	drops, left, wrong := map[string]uint64{}, map[string]uint64{}, map[string]uint64{}
	for i := range now.Workers {
		w := &now.Workers[i]
		b := cmp.Or(before[w.Index], &Worker{})
		work := r.work(b, w)
		r.Total.add(&work)
		r.Workers = append(r.Workers, work)
		addGrowth(drops, b.Drops, w.Drops)
		addGrowth(left, b.Host, w.Host)
		addGrowth(wrong, b.Wrong, w.Wrong)
	}
	if !(r.Seconds > 0) {
		r.Total = unknownWork()
	}
	r.Total.Batch = mean(r.Total.frames, r.Total.batches)
	r.Drops, r.Left = r.tallies(drops, now.Dropped()), r.tallies(left, now.Left())
	r.Wrong = r.tallies(wrong, now.Wrong())
}

func (r *Rates) work(then, now *Worker) Work {
	if !(r.Seconds > 0) {
		return unknownWork()
	}
	w := Work{
		CPU:       Per(then.CPUSeconds, now.CPUSeconds, r.Seconds),
		Tx:        r.perAll(then.Tx, now.Tx),
		Host:      r.perAll(then.Host, now.Host),
		Drops:     r.perAll(then.Drops, now.Drops),
		Handoff:   Per(then.Handoff, now.Handoff, r.Seconds),
		Conns:     Per(then.Conns, now.Conns, r.Seconds),
		Expired:   Per(then.Expired, now.Expired, r.Seconds),
		Untracked: Per(then.Untracked, now.Untracked, r.Seconds),
		frames:    sum(growth(then.Rx, now.Rx)),
	}
	w.Rx = over(float64(w.frames), r.Seconds)
	share := make([]float64, len(now.Batches))
	for i, n := range now.Batches {
		if i < len(then.Batches) {
			n = grown(then.Batches[i], n)
		}
		share[i] = float64(n)
		w.batches += n
	}
	w.Batch = mean(w.frames, w.batches)
	if w.batches > 0 {
		for i := range share {
			share[i] /= float64(w.batches)
		}
		w.Share = share
	}
	return w
}

func unknownWork() Work {
	u := math.NaN()
	return Work{CPU: u, Rx: u, Tx: u, Host: u, Drops: u, Handoff: u, Conns: u, Expired: u, Untracked: u, Batch: u}
}

// add adds what can be added: Batch and Share are ratios.
func (w *Work) add(o *Work) {
	w.CPU += o.CPU
	w.Rx, w.Tx, w.Host, w.Drops, w.Handoff = w.Rx+o.Rx, w.Tx+o.Tx, w.Host+o.Host, w.Drops+o.Drops, w.Handoff+o.Handoff
	w.Conns, w.Expired, w.Untracked = w.Conns+o.Conns, w.Expired+o.Expired, w.Untracked+o.Untracked
	w.frames, w.batches = w.frames+o.frames, w.batches+o.batches
}

func mean(frames, batches uint64) float64 { return over(float64(frames), float64(batches)) }

func (r *Rates) compareQueues(then, now *Figures) {
	type place struct {
		name  string
		queue int
	}
	before := map[place]*Queue{}
	for i := range then.Queues {
		q := &then.Queues[i]
		before[place{q.Interface, q.Queue}] = q
	}
	lost := uint64(0)
	for i := range now.Queues {
		q := &now.Queues[i]
		b := cmp.Or(before[place{q.Interface, q.Queue}], &Queue{IO: q.IO})
		flow := Flow{Rx: Per(b.Rx, q.Rx, r.Seconds), Tx: Per(b.Tx, q.Tx, r.Seconds)}
		was, here := b.Losses(), uint64(0)
		for k, l := range q.Losses() {
			n := grown(was[k].Frames, l.Frames)
			here += n
			if l.Frames > 0 {
				flow.Losses = append(flow.Losses, Tally{l.Name, l.Frames, over(float64(n), r.Seconds)})
			}
		}
		sortTallies(flow.Losses)
		flow.Lost = over(float64(here), r.Seconds)
		lost += here
		r.Queues = append(r.Queues, flow)
	}
	unserved := growth(then.Unserved, now.Unserved)
	r.Unserved = r.tallies(unserved, now.Unserved)
	r.Lost = over(float64(lost+sum(unserved)), r.Seconds)
}

// tallies puts the growth of counters beside their totals, and leaves out those that
// are zero.
func (r *Rates) tallies(growth, totals map[string]uint64) (all []Tally) {
	for name, n := range totals {
		if n > 0 {
			all = append(all, Tally{name, n, over(float64(growth[name]), r.Seconds)})
		}
	}
	sortTallies(all)
	return all
}

// sortTallies sorts the fastest first, then the largest.
func sortTallies(all []Tally) {
	slices.SortFunc(all, func(a, b Tally) int {
		return cmp.Or(cmp.Compare(b.Rate, a.Rate), cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name))
	})
}

// perAll is the rate of all counters of a map together.
func (r *Rates) perAll(then, now map[string]uint64) float64 {
	return over(float64(sum(growth(then, now))), r.Seconds)
}

func growth(then, now map[string]uint64) map[string]uint64 {
	all := make(map[string]uint64, len(now))
	addGrowth(all, then, now)
	return all
}

func addGrowth(to, then, now map[string]uint64) {
	for name, n := range now {
		to[name] += grown(then[name], n)
	}
}

func sum(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}
