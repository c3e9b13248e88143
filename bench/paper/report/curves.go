package report

import (
	"html/template"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"director/bench/paper"
)

// curve is a setup's dots in a figure.
type curve struct {
	paper.Curve
	dots []paper.Dot
}

// curvesOf returns those curves of a figure that were measured.
func curvesOf(d *paper.Data, f *paper.Figure) (all []curve) {
	for _, c := range f.Curves {
		if dots := d.Dots(c.Setup); len(dots) > 0 {
			all = append(all, curve{c, dots})
		}
	}
	return all
}

// unit returns the unit of a figure's rates: one server's cap if all servers have
// the same cap, otherwise 1 connection per second.
func unit(curves []curve) (per float64, capped bool) {
	if len(curves) == 0 || curves[0].Setup.Cap == 0 {
		return 1, false
	}
	for _, c := range curves {
		if c.Setup.Cap != curves[0].Setup.Cap {
			return 1, false
		}
	}
	return float64(curves[0].Setup.Cap), true
}

// rates draws reply rates by offered rates.
type rates struct {
	curves    []curve
	published []paper.Published
	per       float64
	capped    bool
	label     string
}

// height is the height of plots with axes.
const height = 400

func (r *rates) draw() template.HTML {
	x := "offered: connections per second"
	if r.capped {
		x = "offered, in one server's rate"
	}
	return both(height, r.label, func(s *size, c *vgsvg.Canvas) {
		p := s.axes(x)
		p.X.Min, p.Y.Min = 0, 0
		p.X.Max, p.Y.Max = r.extent()
		r.addAll(p)
		r.addTheirs(p, s)
		for i := range r.curves {
			r.add(p, &r.curves[i])
		}
		// Adding widens the axes to make room for whole glyphs, but the plot must
		// begin at 0.
		p.X.Min, p.Y.Min = 0, 0
		p.X.Max, p.Y.Max = r.extent()
		canvas := draw.New(c)
		p.Draw(draw.Crop(canvas, 2, -8, 2, -8))
	})
}

// upwards returns the title of the vertical axis.
func (r *rates) upwards() string {
	if r.capped {
		return "↑ answered, in one server's rate"
	}
	return "↑ answered: replies per second"
}

// extent returns the ends of the axes.
func (r *rates) extent() (x, y float64) {
	for _, c := range r.curves {
		for _, d := range c.dots {
			x = max(x, d.Offered/r.per)
			y = max(y, d.Rate.Most/r.per)
		}
	}
	for _, p := range r.theirs() {
		y = max(y, p.Peak/paper.PublishedCap)
		x = max(x, p.Peak/paper.PublishedCap)
	}
	if x == 0 || y == 0 {
		return 1, 1
	}
	return x * 1.04, y * 1.1
}

// theirs returns the paper's curves, if they can be compared.
func (r *rates) theirs() []paper.Published {
	if !r.capped {
		return nil
	}
	return r.published
}

// addAll adds the line on which all offered connections are answered.
func (r *rates) addAll(p *plot.Plot) {
	end := min(p.X.Max, p.Y.Max)
	l := plotter.Line{XYs: plotter.XYs{{}, {X: end, Y: end}}, LineStyle: draw.LineStyle{Color: line, Width: 5}}
	p.Add(&l)
}

// addTheirs adds the paper's curves, each with its name at its end.
func (r *rates) addTheirs(p *plot.Plot, s *size) {
	all := slices.Clone(r.theirs())
	slices.SortFunc(all, func(a, b paper.Published) int { return int(math.Copysign(1, b.Peak-a.Peak)) })
	style := s.style(theirs)
	style.Font.Size *= 0.92
	style.XAlign = draw.XRight
	var above float64 // height of the previous curve
	for i, t := range all {
		at := t.Peak / paper.PublishedCap
		l := plotter.Line{
			XYs:       plotter.XYs{{}, {X: at, Y: at}, {X: max(at, p.X.Max), Y: at}},
			LineStyle: draw.LineStyle{Color: theirs, Width: 1},
		}
		label := plotter.Labels{
			XYs: plotter.XYs{{X: p.X.Max, Y: at}}, Labels: []string{t.Label},
			TextStyle: []draw.TextStyle{style}, Offset: vg.Point{Y: 3},
		}
		if i > 0 && above-at < p.Y.Max*0.07 {
			label.Offset.Y = -s.font - 1 // below its line, because the name of the other curve is above its own
		}
		above = at
		p.Add(&l, &label)
	}
}

// add adds a curve: its line, the ranges of the repetitions, and the dots.
func (r *rates) add(p *plot.Plot, c *curve) {
	l := lookOf(c.Setup)
	var dots, overrun plotter.XYs
	var errors plotter.YErrors
	for _, d := range c.dots {
		at := plotter.XY{X: d.Offered / r.per, Y: d.Rate.Median / r.per}
		dots = append(dots, at)
		errors = append(errors, struct{ Low, High float64 }{(d.Rate.Median - d.Rate.Least) / r.per, (d.Rate.Most - d.Rate.Median) / r.per})
		if d.Overrun {
			overrun = append(overrun, at)
		}
	}
	addLine(p, &l, dots, errors)
	if len(overrun) > 0 {
		p.Add(&plotter.Scatter{XYs: overrun, GlyphStyle: saturated()})
	}
}

// addLine adds a line through its dots, and the ranges of the repetitions.
func addLine(p *plot.Plot, l *look, dots plotter.XYs, errors plotter.YErrors) {
	p.Add(
		&plotter.Line{XYs: dots, LineStyle: l.line()},
		&plotter.YErrorBars{XYs: dots, YErrors: errors, LineStyle: draw.LineStyle{Color: l.colour, Width: 1}, CapWidth: 7},
		&plotter.Scatter{XYs: dots, GlyphStyle: l.markers()},
	)
}

// saturated is the mark of dots at which the machine was saturated.
func saturated() draw.GlyphStyle {
	return draw.GlyphStyle{Color: warn, Radius: 7, Shape: ring{}}
}

// ring is a circle around a dot.
type ring struct{}

// DrawGlyph implements [draw.GlyphDrawer].
func (ring) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, at vg.Point) {
	var path vg.Path
	path.Move(vg.Point{X: at.X + sty.Radius, Y: at.Y})
	path.Arc(at, sty.Radius, 0, 2*math.Pi)
	c.SetLineStyle(draw.LineStyle{Color: sty.Color, Width: 1.6})
	c.Stroke(path)
}

// key is an entry of a figure's legend.
type key struct {
	Swatch template.HTML
	Label  string
}

// swatch draws a short curve for the legend.
func swatch(style draw.LineStyle, glyphs ...draw.GlyphStyle) template.HTML {
	s := size{class: "swatch", width: 44, height: 16}
	c := s.canvas()
	canvas := draw.New(c)
	if style.Color != nil {
		canvas.StrokeLine2(style, 1, s.height/2, s.width-1, s.height/2)
	}
	for _, g := range glyphs {
		canvas.DrawGlyph(g, vg.Point{X: s.width / 2, Y: s.height / 2})
	}
	return s.svg(c, "")
}

// legend returns the names of the curves.
func (r *rates) legend() (keys []key) {
	over := false
	for _, c := range r.curves {
		l := lookOf(c.Setup)
		keys = append(keys, key{swatch(l.line(), l.markers()), c.Label})
		over = over || slices.ContainsFunc(c.dots, func(d paper.Dot) bool { return d.Overrun })
	}
	if len(r.theirs()) > 0 {
		keys = append(keys, key{swatch(draw.LineStyle{Color: theirs, Width: 1}), "the paper's"})
	}
	keys = append(keys, key{swatch(draw.LineStyle{Color: line, Width: 5}), "all offered connections answered"})
	if over {
		keys = append(keys, key{swatch(draw.LineStyle{}, saturated()), "machine saturated: all CPUs are busy, or the client was late"})
	}
	return keys
}

// caption returns the highest rate of each curve, in the figure's unit and in
// numbers.
func (r *rates) caption() (sentence, numbers string) {
	var relative, absolute []string
	for _, c := range r.curves {
		peak := paper.Peak(c.dots).Rate.Median
		label := strings.TrimPrefix(c.Label, "emulated: ")
		relative = append(relative, label+" "+fixed(peak/r.per, 2))
		absolute = append(absolute, label+" "+grouped(peak))
	}
	if !r.capped {
		return "Highest reply rates per second: " + strings.Join(absolute, "; ") + ".", ""
	}
	sentence = "Highest reply rates, in one server's rate: " + strings.Join(relative, "; ") + "."
	numbers = "In replies per second, of " + grouped(r.per) + " by one server: " + strings.Join(absolute, "; ") + "."
	if len(r.published) == 0 {
		return sentence, numbers
	}
	var ratios, peaks []string
	for _, p := range r.published {
		label := strings.TrimPrefix(p.Label, "paper: ")
		ratios = append(ratios, label+" "+fixed(p.Peak/paper.PublishedCap, 2))
		peaks = append(peaks, label+" "+grouped(p.Peak))
	}
	sentence += " The paper's: " + strings.Join(ratios, "; ") + "."
	numbers += " The paper's, of 4,000: " + strings.Join(peaks, "; ") + "."
	return sentence, numbers
}

// thumbnail draws the curves without text.
func (r *rates) thumbnail() template.HTML {
	s := size{class: "thumb", width: 120, height: 64}
	c := s.canvas()
	canvas := draw.New(c)
	x, y := r.extent()
	at := func(d *paper.Dot) vg.Point {
		return vg.Point{X: s.width * vg.Length(d.Offered/r.per/x), Y: s.height * vg.Length(d.Rate.Median/r.per/y)}
	}
	stroke := func(colour color.Color, points []vg.Point) {
		canvas.StrokeLines(draw.LineStyle{Color: colour, Width: 1.6}, points)
	}
	for _, c := range r.curves {
		points := []vg.Point{{}}
		for i := range c.dots {
			points = append(points, at(&c.dots[i]))
		}
		stroke(lookOf(c.Setup).colour, points)
	}
	return s.svg(c, "")
}
