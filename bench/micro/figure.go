package micro

import (
	"fmt"

	"director/bench/figure"
)

// The figures to reach.
const (
	reachFloor   = 0.12 // of memory
	reachOne     = 0.35 // of memory: a hit of one flow
	reachMany    = 0.9  // of memory: a hit of a million
	reachNew     = 3    // of memory: a new connection beside a million
	reachHit2    = 1.9  // times one worker
	reachNew2    = 1.6  // times one worker
	reachMemory  = 192  // bytes of a connection
	reachAllocs  = 0    // of a packet
	manyForReach = 1_000_000
)

// figures judges the rows that are there.
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

// bytesEach names the figure of the footprint.
var bytesEach = fmt.Sprintf("bytes of a connection, %s of them", flowName(manyForReach))

// ofMemory names a figure that is a row's time against that of memory.
func ofMemory(row string) string { return row + " / memory" }

// ofOne names a figure that is many workers' packets against one's.
func ofOne(row string) string { return row + " / one worker" }

// figure returns the one of that name, nil if there is none.
func (r *Result) figure(name string) *figure.Figure {
	for i := range r.Figures {
		if r.Figures[i].Name == name {
			return &r.Figures[i]
		}
	}
	return nil
}
