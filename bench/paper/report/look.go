package report

import (
	"image/color"
	"math"
	"math/bits"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"director/bench/paper"
)

// look is the drawing style of a setup, the same in every figure. The hue shows the
// balancer or the workload, shade and marker shape the number of servers, and
// dashes the number of workers (dotted with the giant lock). A marker is hollow if
// the client is another program, or has a CPU of its own.
type look struct {
	colour ink
	corner float64 // angle of the marker's first corner
	sides  int     // sides of the marker; 0: a circle
	hollow bool
	dashes []vg.Length
}

// lookOf returns the look of a setup.
func lookOf(s paper.Setup) look {
	l := look{hollow: s.Client != "" || s.Placement == paper.Apart}
	shade := 2
	switch s.Servers {
	case 1:
		shade = 0
	case 2:
		shade, l.sides, l.corner = 1, 3, math.Pi/2
	case 4:
		l.sides, l.corner = 4, math.Pi/4
	default:
		l.sides, l.corner = 4, math.Pi/2
	}
	if s.Balancer == paper.Direct {
		shade = 2 // the reference for all others
	}
	l.colour = hueOf(s).shade(shade)
	l.dashes = dashesOf(s)
	return l
}

func hueOf(s paper.Setup) hue {
	name := s.Balancer
	switch {
	case s.Workload != "" && s.Workload != paper.Page && s.Workload != paper.Lasting:
		name = s.Workload
	case s.Server != "":
		name = s.Server
	case s.Balancer == paper.Director:
		name = s.Method
	}
	named := func(name string) int { return slices.IndexFunc(hues, func(h hue) bool { return h.name == name }) }
	if i := named(name); i >= 0 {
		return hues[i]
	}
	return hues[named("other")]
}

// dashesOf returns the lengths of dashes and gaps: one more dot for each doubling
// of the workers.
func dashesOf(s paper.Setup) []vg.Length {
	doubled := bits.Len(uint(max(1, s.Workers) - 1))
	switch {
	case s.GiantLock:
		dashes := append(slices.Repeat([]vg.Length{2, 2}, doubled), 2, 3)
		dashes[len(dashes)-1] += 4 * vg.Length(min(1, doubled))
		return dashes
	case doubled == 0:
		return nil
	}
	return append([]vg.Length{8, 3}, slices.Repeat([]vg.Length{2, 3}, doubled-1)...)
}

// line returns the line style of the setup's curve.
func (l *look) line() draw.LineStyle {
	return draw.LineStyle{Color: l.colour, Width: 1.8, Dashes: l.dashes}
}

// markers returns the style of the setup's dots.
func (l *look) markers() draw.GlyphStyle {
	return draw.GlyphStyle{Color: l.colour, Radius: 4, Shape: l}
}

// DrawGlyph implements [draw.GlyphDrawer]. A border in the background colour
// separates overlapping dots.
func (l *look) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, at vg.Point) {
	var path vg.Path
	if l.sides == 0 {
		path.Move(vg.Point{X: at.X + sty.Radius, Y: at.Y})
		path.Arc(at, sty.Radius, 0, 2*math.Pi)
	}
	for i := range l.sides {
		angle := l.corner + 2*math.Pi*float64(i)/float64(l.sides)
		r := sty.Radius * 1.25
		p := vg.Point{X: at.X + r*vg.Length(math.Cos(angle)), Y: at.Y + r*vg.Length(math.Sin(angle))}
		if i == 0 {
			path.Move(p)
		} else {
			path.Line(p)
		}
	}
	path.Close()
	var fill, rim color.Color = sty.Color, card
	if l.hollow {
		fill, rim = rim, fill
	}
	c.SetColor(fill)
	c.Fill(path)
	c.SetLineStyle(draw.LineStyle{Color: rim, Width: 1.2})
	c.Stroke(path)
}
