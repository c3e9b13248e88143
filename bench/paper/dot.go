package paper

import (
	"slices"

	"director/bench/figure"
)

// Dot is a position on a curve: all repetitions of a setup at one offered rate.
type Dot struct {
	Offered float64
	N       int // number of repetitions

	Rate   Value // replies per second
	Errors Value // share of the connections begun
	P50    Value // microseconds
	P99    Value // microseconds
	Busy   Value // CPU seconds per second, of all CPUs
	Bits   Value // per second

	// Overrun is set if the client itself began connections late, or all CPUs were
	// busy. The machine has reached its limit then; the setup could do more on
	// another.
	Overrun bool

	Points []*Point
}

// Value summarises the repetitions. The median is used because a shared machine has
// moments that do not depend on the setup.
type Value struct{ Median, Least, Most float64 }

// Off returns the largest distance of a repetition from the median.
func (v Value) Off() float64 { return max(v.Most-v.Median, v.Median-v.Least) }

// ValueOf summarises a value of each point.
func ValueOf(points []*Point, of func(*Point) float64) Value {
	all := make([]float64, len(points))
	for i, p := range points {
		all[i] = of(p)
	}
	return valueOf(all)
}

func valueOf(all []float64) Value {
	s := figure.SpreadOf(all)
	return Value{s.Median, s.Min, s.Max}
}

// tooLate is the limit for the 99th percentile of the client's delay, in
// microseconds. Above it the client does not offer the requested rate.
const tooLate = 50_000

// full is the share of CPU time above which all CPUs count as busy. It is below 1
// because CPU time is counted in ticks.
const full = 0.95

// Dots returns the curve of a setup, sorted by rate.
func (d *Data) Dots(s Setup) (dots []Dot) {
	byRate := make(map[float64][]*Point)
	for i := range d.Points {
		if p := &d.Points[i]; p.Setup == s {
			byRate[p.Offered] = append(byRate[p.Offered], p)
		}
	}
	for rate, points := range byRate {
		dot := Dot{
			Offered: rate, N: len(points), Points: points,
			Rate:   ValueOf(points, func(p *Point) float64 { return p.ReplyRate }),
			Errors: ValueOf(points, (*Point).ErrorShare),
			P50:    ValueOf(points, func(p *Point) float64 { return p.P50 }),
			P99:    ValueOf(points, func(p *Point) float64 { return p.P99 }),
			Busy:   ValueOf(points, func(p *Point) float64 { return p.Busy }),
			Bits:   ValueOf(points, func(p *Point) float64 { return p.Bits }),
		}
		late := ValueOf(points, func(p *Point) float64 { return p.Late }).Median
		dot.Overrun = late > tooLate || dot.Busy.Median > full*float64(max(1, d.Run.Workers))
		dots = append(dots, dot)
	}
	slices.SortFunc(dots, func(a, b Dot) int {
		if a.Offered < b.Offered {
			return -1
		}
		return 1
	})
	return dots
}

// Peak returns the dot with the highest reply rate.
func Peak(dots []Dot) (peak Dot) {
	for _, d := range dots {
		if d.Rate.Median > peak.Rate.Median {
			peak = d
		}
	}
	return peak
}

// behind is how much lower than the offered rate the reply rate of a sustained rate
// may be. An error share alone is not enough: in a short run a queue takes many
// connections without an error.
const behind = 0.03

// Sustained returns the dot with the highest offered rate up to which at most share
// of the connections failed and the replies keep up. ok is false if there is none.
func Sustained(dots []Dot, share float64) (best Dot, ok bool) {
	for _, d := range dots {
		if d.Errors.Median > share || d.Rate.Median < (1-behind)*d.Offered {
			break
		}
		best, ok = d, true
	}
	return best, ok
}

// Saturated is the share of errors above which a rate is not sustained, unless the
// paper states another.
const Saturated = 0.01

// PerConnection returns the CPU time per reply at a dot, in microseconds, of all
// CPUs and including softirqs.
func (d *Dot) PerConnection() float64 {
	if d.Rate.Median == 0 {
		return 0
	}
	return d.Busy.Median / d.Rate.Median * 1e6
}
