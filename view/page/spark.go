package page

import (
	"slices"
	"strconv"
)

// A spark line is drawn in a box of sparkWidth by sparkHeight units. Values are rounded to
// whole units, because a page may have a thousand lines.
const (
	sparkWidth  = Points - rowGroup // the first of Points/rowGroup groups is at the edge
	sparkHeight = 24
)

// rowGroup is how many samples one point of a line in a table stands for.
const rowGroup = 2

// spark returns an SVG path through values on a scale from 0 to peak. The values are step
// units apart and end at the right edge. On both sides the path goes down to the base,
// margin units outside of the box, so that it can be filled.
func spark(values []float32, peak float32, step int) string {
	if len(values) == 0 {
		return ""
	}
	height := func(v float32) int {
		if peak <= 0 {
			return 0
		}
		return int(min(max(v/peak, 0), 1)*(sparkHeight-2) + 0.5)
	}
	const base, margin = sparkHeight - 1, 2
	b := make([]byte, 0, 4*len(values)+32)
	b = append(b, 'M')
	b = strconv.AppendInt(b, int64(sparkWidth-(len(values)-1)*step-margin), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, sparkHeight, 10)
	y := height(values[0])
	b = append(b, 'V')
	b = strconv.AppendInt(b, int64(base-y), 10)
	run, slope := margin, false // level units not yet drawn; whether the last command was a slope
	for _, v := range values[1:] {
		next := height(v)
		if next == y {
			run += step
			continue
		}
		if run > 0 {
			b = append(b, 'h')
			b = strconv.AppendInt(b, int64(run), 10)
			run, slope = 0, false
		}
		if slope {
			b = append(b, ' ')
		} else {
			b = append(b, 'l')
		}
		b = strconv.AppendInt(b, int64(step), 10)
		if next < y { // a positive number needs a separator in front
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(y-next), 10)
		y, slope = next, true
	}
	b = append(b, 'h')
	b = strconv.AppendInt(b, int64(run+margin), 10)
	b = append(b, 'V')
	return string(strconv.AppendInt(b, sparkHeight, 10))
}

// peak returns the largest of all values, 0 if there are none.
func peak(lines ...[]float32) (p float32) {
	for _, values := range lines {
		if len(values) > 0 {
			p = max(p, slices.Max(values))
		}
	}
	return p
}
