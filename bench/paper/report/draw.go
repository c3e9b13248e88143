package report

import (
	"bytes"
	"fmt"
	"html"
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

// size is the size of a drawing in its own units. Each drawing is made twice, for
// wide and for narrow screens, because letters must not shrink with the screen.
type size struct {
	class         string
	width, height vg.Length
	font          vg.Length
}

// sizes returns both sizes, for drawings of this height.
func sizes(height vg.Length) [2]size {
	return [2]size{{"wide", 760, height, 12}, {"narrow", 360, height * 0.85, 11}}
}

// sans is Liberation Sans. Its letters are as wide as those of Helvetica and
// Arial.
var sans = font.Font{Typeface: "Liberation", Variant: "Sans"}

func (s *size) style(colour ink) gonumtext.Style {
	return gonumtext.Style{Color: colour, Font: font.From(sans, s.font), Handler: plot.DefaultTextHandler}
}

// canvas returns an empty canvas.
func (s *size) canvas() *vgsvg.Canvas { return vgsvg.New(s.width, s.height) }

var (
	prolog = regexp.MustCompile(`(?s)^.*?<svg[^>]*>`)
	family = regexp.MustCompile(`font-family:[^;"]*;font-variant:[^;"]*;font-weight:normal;font-style:normal;`)
)

// svg returns the drawing as an element of the page. All of its content comes from
// the drawing, which escapes its texts.
func (s *size) svg(c *vgsvg.Canvas, label string) template.HTML {
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		panic(err) // a bytes.Buffer cannot fail
	}
	out := prolog.ReplaceAllString(b.String(), "")
	out = themed(fitted(family.ReplaceAllString(out, "")))
	open := fmt.Sprintf(`<svg class="%s" viewBox="0 0 %g %g"`, s.class, float64(s.width), float64(s.height))
	if label == "" {
		open += ` aria-hidden="true">`
	} else {
		open += ` role="img" aria-label="` + template.HTMLEscapeString(label) + `">`
	}
	return template.HTML(open + strings.TrimSpace(out)) //nolint:gosec // see above
}

var texts = regexp.MustCompile(`<text x="([^"]*)" y="([^"]*)" transform="scale\(1, -1\)"\s*style="font-size:([0-9.]+)px;([^"]*)">([^<]*)</text>`)

// fitted fixes the width of texts to the width with which they were placed, because
// the reader's font may differ.
func fitted(svg string) string {
	return texts.ReplaceAllStringFunc(svg, func(element string) string {
		m := texts.FindStringSubmatch(element)
		size, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return element
		}
		style := gonumtext.Style{Font: font.From(sans, vg.Length(size)), Handler: plot.DefaultTextHandler}
		return fmt.Sprintf(`<text x="%s" y="%s" transform="scale(1,-1)" textLength="%.1f" lengthAdjust="spacingAndGlyphs" style="font-size:%spx;%s">%s</text>`,
			m[1], m[2], float64(style.Width(html.UnescapeString(m[5]))), m[3], m[4], m[5])
	})
}

// axes returns an empty plot in the page's colours. The title of the vertical axis
// is above the drawing, so that it is not rotated.
func (s *size) axes(x string) *plot.Plot {
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
	p.X.Label.TextStyle.XAlign, p.X.Label.TextStyle.YAlign = draw.XCenter, draw.YBottom
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XCenter, draw.YTop
	p.Y.Tick.Label.XAlign, p.Y.Tick.Label.YAlign = draw.XRight, draw.YCenter
	p.X.Label.Text = x
	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: line, Width: 0.7}
	grid.Vertical = draw.LineStyle{}
	p.Add(grid)
	return p
}

// ticks returns about five round numbers.
func ticks(least, most float64) (all []plot.Tick) {
	step := math.Pow(10, math.Floor(math.Log10((most-least)/5)))
	for _, more := range []float64{2, 2.5, 2} { // gives 2, 5 and 10 times the power of ten
		if (most-least)/step > 7 {
			step *= more
		}
	}
	for i := math.Ceil(least / step); i*step <= most && len(all) < 20; i++ {
		label := grouped(i * step)
		if step < 1 {
			label = strconv.FormatFloat(i*step, 'g', 3, 64)
		}
		all = append(all, plot.Tick{Value: i * step, Label: label})
	}
	return all
}

// number formats a value with three significant digits, or with all digits before
// the decimal point, and with commas between thousands.
func number(v float64) string {
	digits := decimals(v)
	if digits > 2 {
		v = math.Round(v*1e4) / 1e4 // removes zeros at the end
		return strings.Replace(strconv.FormatFloat(v+0, 'f', -1, 64), "-", "−", 1)
	}
	return fixed(v, digits)
}

// decimals returns how many digits after the point a number gets.
func decimals(v float64) int {
	switch a := math.Abs(v); {
	case a >= 99.95 || a == math.Trunc(a):
		return 0
	case a >= 9.995:
		return 1
	case a >= 0.0995:
		return 2
	}
	return 4
}

// fixed formats a value with this many digits after the point.
func fixed(v float64, decimals int) string {
	if decimals == 0 || math.IsInf(v, 0) {
		return grouped(v)
	}
	return strings.Replace(strconv.FormatFloat(v, 'f', decimals, 64), "-", "−", 1)
}

// grouped formats a whole number with commas.
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

// plusMinus formats a mean and its deviation, with the same precision.
func plusMinus(v, dev float64) string {
	if dev == 0 {
		return number(v)
	}
	return number(v) + " ± " + fixed(dev, decimals(v))
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
