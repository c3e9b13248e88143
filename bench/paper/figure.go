package paper

import "slices"

// Kind is the form of a figure.
type Kind string

// The kinds of figures.
const (
	Rates     Kind = "rates"     // reply rate by offered rate, one curve for each setup
	CPUs      Kind = "cpus"      // CPU usage at the highest sustained rate of each setup
	Highest   Kind = "highest"   // highest sustained rate of each setup, and its network traffic
	Times     Kind = "times"     // response times and shares of the servers at one rate
	Sweep     Kind = "sweep"     // throughput by message size
	Floods    Kind = "floods"    // connections accepted and requests failed, by SYNs per second
	Emulation Kind = "emulation" // rates of workers that are limited to a share of a CPU
)

// Figure is a set of curves beside the paper's own.
type Figure struct {
	ID        string // for --only: fig7
	Title     string
	About     string // what it shows and how it was measured
	Kind      Kind
	Curves    []Curve
	Published []Published
	// Grid contains the offered rates as multiples of the unit. The unit is one
	// server's cap if servers are capped, and the bed's ceiling otherwise. Empty:
	// the usual rates of each setup.
	Grid []float64
	// Share is the share of errors up to which a rate counts as sustained; 0:
	// Saturated.
	Share float64
	// Closed means that the clients have no constant rate: the rate that they reach
	// counts.
	Closed bool
}

// Sustained returns the highest dot of a curve that the figure counts as sustained.
// ok is false if there is none.
func (f *Figure) Sustained(dots []Dot) (best Dot, ok bool) {
	if f.Closed {
		best = Peak(dots)
		return best, best.N > 0
	}
	if f.Share > 0 {
		return Sustained(dots, f.Share)
	}
	return Sustained(dots, Saturated)
}

// Curve is a setup in a figure.
type Curve struct {
	Setup Setup
	Label string
}

// Published is a curve of the paper, as far as its text and tables give numbers:
// the reply rate follows the offered rate up to a peak and stays there. Rates are
// connections per second; one server answers 4,000.
type Published struct {
	Label   string
	Peak    float64
	Servers int // the curve gets the marker of this number of servers; 0: none
}

// PublishedCap is how many connections per second one server of the paper answered.
const PublishedCap = 4000

// usual contains the offered rates of setups with capped servers, as multiples of
// one server's cap, by number of servers.
var usual = map[int][]float64{
	1: {0.5, 0.9, 1, 1.1, 1.5},
	2: {1, 1.5, 1.8, 2, 2.2, 2.6},
	4: {1, 2, 3, 3.6, 4, 4.4, 5},
}

// ofCeiling are the offered rates of setups with uncapped servers, as parts of the
// bed's ceiling.
var ofCeiling = []float64{0.25, 0.5, 0.75, 0.9, 1, 1.15, 1.5}

// quick contains the rates of a quick run. The key is whether the servers are
// capped.
var quick = map[bool][]float64{true: {0.5, 1}, false: {0.25, 0.5}}

// Rates returns the offered rates at which the figure needs a setup measured, in
// connections per second, sorted.
func (f *Figure) Rates(s Setup, run *Run) []float64 {
	if f.Kind == Sweep {
		return nil
	}
	grid, unit := f.Grid, float64(s.Cap)
	if s.Cap == 0 {
		unit = run.Ceiling
	}
	switch {
	case grid != nil:
	case s.Cap == 0:
		grid = ofCeiling
	default:
		grid = usual[s.Servers]
	}
	if run.Options.Quick && f.Grid == nil {
		grid = quick[s.Cap > 0]
		unit *= float64(max(1, s.Servers*min(1, s.Cap)))
	}
	if run.Options.Quick && len(grid) > fewRates {
		grid = thin(grid)
	}
	rates := make([]float64, len(grid))
	for i, g := range grid {
		rates[i] = round(g * unit)
	}
	slices.Sort(rates)
	return slices.Compact(rates)
}

// fewRates is how many of a figure's own rates a quick run uses at most.
const fewRates = 4

// thin returns every third rate.
func thin(grid []float64) (few []float64) {
	for i := 0; i < len(grid); i += 3 {
		few = append(few, grid[i])
	}
	return few
}

// round rounds a rate to three digits, so that the same setup has the same rates in
// all figures.
func round(rate float64) float64 {
	step := 1.0
	for rate/step >= 1000 {
		step *= 10
	}
	return float64(int(rate/step+0.5)) * step
}
