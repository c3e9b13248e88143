package micro

import (
	"fmt"

	"director/bench/figure"
)

// Targets of the figures.
const (
	reachFloor   = 0.12 // times memory
	reachOne     = 0.35 // times memory: a hit with one flow
	reachMany    = 0.9  // times memory: a hit with 1M flows
	reachNew     = 3    // times memory: a new connection with 1M in the table
	reachHit2    = 1.9  // times one worker
	reachNew2    = 1.6  // times one worker
	reachMemory  = 192  // bytes per connection
	reachAllocs  = 0    // per packet
	manyForReach = 1_000_000
)

// figures judges the rows that were measured.
func (r *Result) figures() (all []figure.Figure) {
	judge := func(name string, value float64, sign string, reach float64) {
		all = append(all, figure.Judge(name, value, sign, reach))
	}
	judge(ofMemory("floor"), r.Floor.Ratio, figure.AtMost, reachFloor)
	allocs := 0.0
	for _, c := range r.Cases {
		allocs = max(allocs, c.Allocs)
		switch {
		case c.New && c.Flows == manyForReach:
			judge(ofMemory(c.Name), c.Ratio, figure.AtMost, reachNew)
		case c.New:
		case c.Flows == 1:
			judge(ofMemory(c.Name), c.Ratio, figure.AtMost, reachOne)
		case c.Flows == manyForReach:
			judge(ofMemory(c.Name), c.Ratio, figure.AtMost, reachMany)
		}
	}
	for _, s := range r.Scaling {
		if s.Workers != 2 || s.Speedup == 0 || s.Flows != manyForReach {
			continue
		}
		switch s.Kind {
		case scaleHit:
			judge(ofOne(s.Name), s.Speedup, figure.AtLeast, reachHit2)
		case scaleNew:
			judge(ofOne(s.Name), s.Speedup, figure.AtLeast, reachNew2)
		}
	}
	if f := r.Footprint; f != nil && f.Conns == manyForReach {
		judge(bytesEach, f.Bytes, figure.AtMost, reachMemory)
	}
	if len(r.Cases) > 0 {
		judge("allocations of a packet, of the row with most", allocs, figure.AtMost, reachAllocs)
	}
	return all
}

// bytesEach is the name of the footprint figure.
var bytesEach = fmt.Sprintf("bytes of a connection, %s of them", flowName(manyForReach))

// ofMemory names the ratio of a row's time to that of memory.
func ofMemory(row string) string { return row + " / memory" }

// ofOne names the ratio of many workers' packet rate to one worker's.
func ofOne(row string) string { return row + " / one worker" }

// figure returns the figure with this name, nil if there is none.
func (r *Result) figure(name string) *figure.Figure {
	for i := range r.Figures {
		if r.Figures[i].Name == name {
			return &r.Figures[i]
		}
	}
	return nil
}
