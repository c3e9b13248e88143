package paper

import (
	"cmp"
	"slices"
	"time"
)

// Job is a setup that is built once, and the measurements that are made before it
// is closed.
type Job struct {
	Setup      Setup
	Repetition int
	Rates      []float64 // connections per second
	Sizes      []int     // bytes of a message
}

// Plan returns the jobs for the figures, without what is already measured. Each
// repetition is one round over all setups, so a disturbance of the machine affects
// all of them.
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
			if len(j.Rates)+len(j.Sizes) > 0 {
				jobs = append(jobs, j)
			}
		}
	}
	return jobs
}

// want adds what a figure needs of the job's setup and the store does not have.
func (j *Job) want(f *Figure, s *Store) {
	for _, rate := range f.Rates(j.Setup, &s.Run) {
		p := Point{Setup: j.Setup, Offered: rate, Repetition: j.Repetition}
		j.Rates = with(j.Rates, rate, s.Has(p.Key()))
	}
	if f.Kind == Sweep {
		for _, size := range Messages(s.Run.Options.Quick) {
			t := Transfer{Setup: j.Setup, Bytes: size, Repetition: j.Repetition}
			j.Sizes = with(j.Sizes, size, s.Has(t.Key()))
		}
	}
}

// with inserts a value in order, unless it is already there or measured.
func with[T cmp.Ordered](values []T, v T, measured bool) []T {
	i, there := slices.BinarySearch(values, v)
	if measured || there {
		return values
	}
	return slices.Insert(values, i, v)
}

// The times of a job in addition to its points, for the estimate.
const (
	building     = 1200 * time.Millisecond
	betweenRates = 200 * time.Millisecond
	ofSize       = 250 * time.Millisecond
)

// Estimate returns the expected time of jobs.
func Estimate(jobs []Job, o *Options) (sum time.Duration) {
	for i := range jobs {
		sum += jobs[i].Estimate(o)
	}
	return sum
}

// Estimate returns the expected time of the job.
func (j *Job) Estimate(o *Options) time.Duration {
	return building + time.Duration(len(j.Rates))*(o.Warmup+o.Duration+betweenRates) + time.Duration(len(j.Sizes))*ofSize
}
