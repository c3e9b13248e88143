package paper

import "slices"

// Kind is what a figure looks like.
type Kind string

// The kinds of figures.
const (
	Rates     Kind = "rates"     // reply rate against offered rate, a curve for each setup
	CPUs      Kind = "cpus"      // who used the CPUs at the highest sustained rate of each setup
	Highest   Kind = "highest"   // the highest sustained rate of each setup, and what flowed then
	Times     Kind = "times"     // response times and shares of the servers at one rate
	Sweep     Kind = "sweep"     // throughput against message size
	Floods    Kind = "floods"    // connections taken up and clients harmed against SYNs per second
	Emulation Kind = "emulation" // rates, of workers that are held to shares of a CPU
)

// Figure is curves beside the paper's own.
type Figure struct {
	ID        string // as --only knows it: fig7
	Title     string
	About     string // what it shows and how it was taken
	Kind      Kind
	Curves    []Curve
	Published []Published
	// Grid is the offered rates, as parts of the unit: of one server's cap where
	// servers are capped, of the bed's ceiling where they are not. Empty: the
	// usual ones of each setup.
	Grid []float64
	// Share is of errors, up to which a rate counts as sustained; 0: Saturated.
	Share float64
	// Closed says that the clients know no rate: what they got is what counts.
	Closed bool
}

// Sustained is the highest of a curve's dots that the figure counts as sustained,
// and ok whether there is one.
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

// Published is a curve of the paper in so far as its text and tables give
// numbers: the reply rate follows the offered rate up to a peak and stays there.
// Rates are connections per second of one server's 4,000.
type Published struct {
	Label   string
	Peak    float64
	Servers int // whose marker the curve is to have; 0: none
}

// PublishedCap is what one server of the paper answered per second.
const PublishedCap = 4000

// usual are the offered rates of setups with capped servers, as multiples of one
// server's cap, by the number of servers.
var usual = map[int][]float64{
	1: {0.5, 0.9, 1, 1.1, 1.5},
	2: {1, 1.5, 1.8, 2, 2.2, 2.6},
	4: {1, 2, 3, 3.6, 4, 4.4, 5},
}

// ofCeiling are those of servers that are not capped, as parts of the bed's
// ceiling.
var ofCeiling = []float64{0.25, 0.5, 0.75, 0.9, 1, 1.15, 1.5}

// quick are the ones of a quick run.
var quick = map[bool][]float64{true: {0.5, 1}, false: {0.25, 0.5}}

// Rates returns the offered rates at which a figure wants a setup measured, in
// connections per second, ascending.
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

// fewRates are as many as a quick run bears of a figure's own.
const fewRates = 4

// thin is every third one.
func thin(grid []float64) (few []float64) {
	for i := 0; i < len(grid); i += 3 {
		few = append(few, grid[i])
	}
	return few
}

// round leaves three digits of a rate: the same setup in two figures
// is to be measured at the same rates.
func round(rate float64) float64 {
	step := 1.0
	for rate/step >= 1000 {
		step *= 10
	}
	return float64(int(rate/step+0.5)) * step
}
