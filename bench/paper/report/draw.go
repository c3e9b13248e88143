package report

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"regexp"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	gonumtext "gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// size is that of a drawing in its own units. Each is drawn twice, for wide screens
// and for narrow ones, for letters do not shrink with the screen.
type size struct {
	class         string
	width, height vg.Length
	font          vg.Length
}

// sizes are both, of drawings of this height.
func sizes(height vg.Length) [2]size {
	return [2]size{{"wide", 760, height, 12}, {"narrow", 360, height * 0.85, 11}}
}

// sans is Helvetica by another name, whose letters are as wide as Arial's.
var sans = font.Font{Typeface: "Liberation", Variant: "Sans"}

func (s *size) style(colour ink) gonumtext.Style {
	return gonumtext.Style{Color: colour, Font: font.From(sans, s.font), Handler: plot.DefaultTextHandler}
}

// canvas returns an empty one.
func (s *size) canvas() *vgsvg.Canvas { return vgsvg.New(s.width, s.height) }

var (
	prolog = regexp.MustCompile(`(?s)^.*?<svg[^>]*>`)
	family = regexp.MustCompile(`font-family:[^;"]*;font-variant:[^;"]*;font-weight:normal;font-style:normal;`)
)

// svg is what was drawn, as an element of the page. Nothing in it comes from
// anywhere but the drawing, which escapes its texts.
func (s *size) svg(c *vgsvg.Canvas, label string) template.HTML {
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	out := prolog.ReplaceAllString(b.String(), "")
	out = themed(family.ReplaceAllString(out, ""))
	open := fmt.Sprintf(`<svg class="%s" viewBox="0 0 %g %g"`, s.class, float64(s.width), float64(s.height))
	if label == "" {
		open += ` aria-hidden="true">`
	} else {
		open += ` role="img" aria-label="` + template.HTMLEscapeString(label) + `">`
	}
	return template.HTML(open + strings.TrimSpace(out)) //nolint:gosec // see above
}

// axes is a plot with nothing in it yet, in the page's colours.
func (s *size) axes(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle = s.style(soft)
		a.Tick.Label = s.style(soft)
		a.Color = line
		a.LineStyle = draw.LineStyle{Color: line, Width: 1}
		a.Tick.LineStyle = draw.LineStyle{Color: line, Width: 1}
		a.Tick.Length = 4
		a.Tick.Marker = plot.TickerFunc(ticks)
		a.Padding = 0
		a.Label.Padding = 6
	}
	// As plot.New places them.
	p.X.Label.TextStyle.XAlign, p.X.Label.TextStyle.YAlign = draw.XCenter, draw.YBottom
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XCenter, draw.YTop
	p.Y.Label.TextStyle.Rotation = math.Pi / 2
	p.Y.Label.TextStyle.XAlign, p.Y.Label.TextStyle.YAlign = draw.XCenter, draw.YBottom
	p.Y.Tick.Label.XAlign, p.Y.Tick.Label.YAlign = draw.XRight, draw.YCenter
	p.X.Label.Text, p.Y.Label.Text = x, y
	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: line, Width: 0.7}
	grid.Vertical = draw.LineStyle{}
	p.Add(grid)
	return p
}

// ticks are gonum's, with numbers as the page writes them.
func ticks(least, most float64) []plot.Tick {
	all := plot.DefaultTicks{}.Ticks(least, most)
	for i := range all {
		if all[i].Label == "" {
			continue
		}
		all[i].Label = number(all[i].Value)
	}
	return all
}

// number is a value with three significant digits or all digits before the point,
// with commas between thousands.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case a >= 99.95 || a == math.Trunc(a):
		return grouped(v)
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 0.0995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// grouped is a whole number.
func grouped(v float64) string {
	digits := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if v < 0 && digits != "0" {
		return "−" + digits
	}
	return digits
}

// plusMinus is a mean and what it strays by.
func plusMinus(v, dev float64) string {
	if dev == 0 {
		return number(v)
	}
	return number(v) + " ± " + number(dev)
}

// both draws something at both sizes.
func both(height vg.Length, label string, draw func(s *size, c *vgsvg.Canvas)) (all template.HTML) {
	for _, s := range sizes(height) {
		c := s.canvas()
		draw(&s, c)
		all += s.svg(c, label)
	}
	return all
}
