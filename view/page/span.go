package page

import (
	"math"
	"time"

	"director/view/figures"
)

// shortest is the shortest span that rates are taken over: what came in a few
// milliseconds says little.
const shortest = 2 * time.Second

// span is a director at two moments. Without an earlier one, nil, rates are not
// known, which is NaN.
type span struct{ now, then *figures.Figures }

func (s span) seconds() float64 {
	if s.then == nil {
		return 0
	}
	return s.now.At.Sub(s.then.At).Seconds()
}

// per is what a count grew by per second. Counts that went back have begun anew.
func (s span) per(now, then uint64) float64 {
	t := s.seconds()
	if t <= 0 {
		return math.NaN()
	}
	if now < then {
		return 0
	}
	return float64(now-then) / t
}

// before is what a worker was at the earlier moment, zero if it was not.
func (s span) before(index int) (w figures.Worker) {
	if s.then != nil {
		for i := range s.then.Workers {
			if s.then.Workers[i].Index == index {
				return s.then.Workers[i]
			}
		}
	}
	return w
}

// queueBefore is likewise of a queue.
func (s span) queueBefore(q *figures.Queue) (before figures.Queue) {
	if s.then != nil {
		for i := range s.then.Queues {
			if b := &s.then.Queues[i]; b.Interface == q.Interface && b.Queue == q.Queue {
				return *b
			}
		}
	}
	return before
}

// work is what a worker did in a span.
type work struct {
	cpu                     float64 // per cent of its CPU
	rx, tx, handoff, drops  float64 // frames per second
	conns, expired, unnoted float64 // per second
	batch                   float64 // frames per batch, NaN if there was none
}

func (s span) worker(now *figures.Worker) work {
	then := s.before(now.Index)
	w := work{
		cpu: math.NaN(),
		rx:  s.per(sum(now.Rx), sum(then.Rx)), tx: s.per(sum(now.Tx), sum(then.Tx)),
		handoff: s.per(now.Handoff, then.Handoff), drops: s.per(sum(now.Drops), sum(then.Drops)),
		conns: s.per(now.Conns, then.Conns), expired: s.per(now.Expired, then.Expired),
		unnoted: s.per(now.Unnoted, then.Unnoted),
	}
	if t := s.seconds(); t > 0 {
		w.cpu = 100 * max(0, now.CPUSeconds-then.CPUSeconds) / t
	}
	var batches uint64
	for _, n := range now.Batches {
		batches += n
	}
	for _, n := range then.Batches {
		batches -= min(n, batches)
	}
	w.batch = w.rx / s.per(batches, 0) // 0 by 0 is NaN
	return w
}

// cpu is that of all workers, in per cent of one CPU.
func (s span) cpu() (all float64) {
	for i := range s.now.Workers {
		all += s.worker(&s.now.Workers[i]).cpu
	}
	return all
}

// drops is how many frames per second all workers drop.
func (s span) drops() (all float64) {
	for i := range s.now.Workers {
		all += s.worker(&s.now.Workers[i]).drops
	}
	return all
}

func sum(counts map[string]uint64) (all uint64) {
	for _, n := range counts {
		all += n
	}
	return all
}

// byReason adds up what workers count by reason.
func byReason(f *figures.Figures, of func(*figures.Worker) map[string]uint64) map[string]uint64 {
	all := map[string]uint64{}
	if f != nil {
		for i := range f.Workers {
			for reason, n := range of(&f.Workers[i]) {
				all[reason] += n
			}
		}
	}
	return all
}
