package paper

import (
	"cmp"
	"slices"
	"time"
)

// Job is a setup that is built once, and what is measured on it before it is
// taken down.
type Job struct {
	Setup      Setup
	Repetition int
	Rates      []float64 // connections per second
	Sizes      []int     // of messages, in bytes
	SYNs       []float64 // per second
}

// Plan returns the jobs of figures, without what has been measured already.
// Repetitions are rounds over all setups, so that what disturbs the machine for
// a while disturbs them alike.
func Plan(figures []Figure, s *Store) (jobs []Job) {
	setups := SetupsOf(figures)
	for r := range s.Run.Options.Repetitions {
		for _, setup := range setups {
			j := Job{Setup: setup, Repetition: r + 1}
			for _, f := range figures {
				if slices.ContainsFunc(f.Curves, func(c Curve) bool { return c.Setup == setup }) {
					j.want(&f, s)
				}
			}
			if len(j.Rates)+len(j.Sizes)+len(j.SYNs) > 0 {
				jobs = append(jobs, j)
			}
		}
	}
	return jobs
}

// want adds what a figure needs of the job's setup and is not there.
func (j *Job) want(f *Figure, s *Store) {
	for _, rate := range f.Rates(j.Setup, &s.Run) {
		p := Point{Setup: j.Setup, Offered: rate, Repetition: j.Repetition}
		j.Rates = missing(j.Rates, rate, s.Has(p.Key()))
	}
	switch f.Kind {
	case Sweep:
		for _, size := range sweepSizes(s.Run.Options.Quick) {
			t := Transfer{Setup: j.Setup, Bytes: size, Repetition: j.Repetition}
			j.Sizes = missing(j.Sizes, size, s.Has(t.Key()))
		}
	case Floods:
		for _, rate := range floodRates(s.Run.Options.Quick) {
			f := Flood{Setup: j.Setup, Offered: rate, Repetition: j.Repetition}
			j.SYNs = missing(j.SYNs, rate, s.Has(f.Key()))
		}
	}
}

// missing adds a value in order, unless it is there or has been measured.
func missing[T cmp.Ordered](values []T, v T, has bool) []T {
	i, there := slices.BinarySearch(values, v)
	if has || there {
		return values
	}
	return slices.Insert(values, i, v)
}

// sweepSizes are message sizes from a byte to the 12 MB at which the paper's
// curve ends.
func sweepSizes(quick bool) (sizes []int) {
	step := 4
	if quick {
		step = 64
	}
	for n := 1; n < 12<<20; n *= step {
		sizes = append(sizes, n)
	}
	return append(sizes, 12<<20)
}

// floodRates are SYNs per second.
func floodRates(quick bool) []float64 {
	if quick {
		return []float64{1000}
	}
	return []float64{1000, 10_000, 30_000, 100_000}
}

// What a job takes beside its points, for the estimate of the time left.
const (
	building     = 2 * time.Second
	betweenRates = 200 * time.Millisecond
	sweepStep    = 300 * time.Millisecond
)

// Estimate is how long jobs will take.
func Estimate(jobs []Job, o *Options) (sum time.Duration) {
	for i := range jobs {
		sum += jobs[i].Estimate(o)
	}
	return sum
}

// Estimate is how long the job will take.
func (j *Job) Estimate(o *Options) time.Duration {
	points := time.Duration(len(j.Rates) + len(j.SYNs))
	return building + points*(o.Warmup+o.Duration+betweenRates) + time.Duration(len(j.Sizes))*sweepStep
}
