package paper

import (
	"slices"

	"director/bench/figure"
)

// Dot is a place on a curve: all repetitions of a setup at one offered rate.
type Dot struct {
	Offered float64
	N       int // repetitions

	Rate   Value // replies per second
	Errors Value // as a share of the connections begun
	P50    Value // microseconds
	P99    Value // microseconds
	Busy   Value // CPU seconds per second of all CPUs
	Bits   Value // per second

	// Overrun says that the client itself began connections late, or no CPU had
	// anything left: the machine is at its end, whatever the setup could do on another.
	Overrun bool

	Points []*Point
}

// Value is what the repetitions gave. The median counts, for a machine that others
// share has moments that say nothing of the setup.
type Value struct{ Median, Least, Most float64 }

// Off is how far the repetition lies that is farthest from the median.
func (v Value) Off() float64 { return max(v.Most-v.Median, v.Median-v.Least) }

// ValueOf is something of each point.
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

// tooLate is how late, in microseconds, the client may begin one connection in a
// hundred before the rate that it offers is not the one that it was to offer.
const tooLate = 50_000

// full is the share of all CPUs beyond which nothing is left: they are counted by
// ticks.
const full = 0.95

// Dots returns the curve of a setup, by ascending rates.
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

// Peak is the dot with the most replies.
func Peak(dots []Dot) (peak Dot) {
	for _, d := range dots {
		if d.Rate.Median > peak.Rate.Median {
			peak = d
		}
	}
	return peak
}

// behind is how much lower than the offered rate the reply rate may be where a rate
// is sustained: in a short time a queue takes up a lot without an error.
const behind = 0.03

// Sustained is the dot with the highest offered rate up to which no more than a
// share of the connections failed and replies keep up, and ok whether there is
// one.
func Sustained(dots []Dot, share float64) (best Dot, ok bool) {
	for _, d := range dots {
		if d.Errors.Median > share || d.Rate.Median < (1-behind)*d.Offered {
			break
		}
		best, ok = d, true
	}
	return best, ok
}

// Saturated is the share of errors above which a rate is not sustained, where
// the paper names no other.
const Saturated = 0.01

// PerConnection is the CPU time of all CPUs, softirqs included, that a reply
// cost at a dot, in microseconds.
func (d *Dot) PerConnection() float64 {
	if d.Rate.Median == 0 {
		return 0
	}
	return d.Busy.Median / d.Rate.Median * 1e6
}
