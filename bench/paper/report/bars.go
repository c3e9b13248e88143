package report

import (
	"html/template"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"director/bench/paper"
)

// bar is a row of a bar chart: parts in a line, each with its colour.
type bar struct {
	Label  string
	Parts  []part
	Span   span   // range of the repetitions at the end of the bar
	Value  string // text at the end of the bar
	Header bool   // a line of text in place of a bar
	// Range draws a bar with one part from From to its end, instead of from 0.
	Range bool
	From  float64
}

type part struct {
	value  float64
	colour ink
}

// span is an interval; empty if both ends are equal.
type span struct{ from, to float64 }

// spanOf returns the interval of the repetitions, divided by unit.
func spanOf(v paper.Value, unit float64) span { return span{v.Least / unit, v.Most / unit} }

func (b *bar) end() float64 {
	sum := 0.0
	for _, p := range b.Parts {
		sum += p.value
	}
	return sum
}

// bars is a chart of horizontal bars. The names are above the bars, so there is
// room for them on a phone.
type bars struct {
	rows  []bar
	full  float64 // value of the full width; 0: the longest bar
	track bool    // shows the full width behind each bar
	fair  float64 // value of a vertical line; 0: none
	label string
}

const (
	rowHeight    = 33
	headerHeight = 30
)

func (b *bars) draw() template.HTML {
	var total vg.Length = 4
	for i := range b.rows {
		total += b.rows[i].height()
	}
	var all template.HTML
	for _, s := range sizes(total) {
		s.height = total
		c := s.canvas()
		b.at(&s, c)
		all += s.svg(c, b.label)
	}
	return all
}

func (b *bar) height() vg.Length {
	if b.Header {
		return headerHeight
	}
	return rowHeight
}

// longest returns the value of the full width.
func (b *bars) longest() float64 {
	most := b.full
	for i := range b.rows {
		most = max(most, b.rows[i].end(), b.rows[i].Span.to)
	}
	if most == 0 {
		return 1
	}
	return most
}

// at draws the rows from top to bottom.
func (b *bars) at(s *size, c *vgsvg.Canvas) {
	canvas := draw.New(c)
	scale := (s.width - 12) / vg.Length(b.longest())
	y := s.height
	for i := range b.rows {
		r := &b.rows[i]
		y -= r.height()
		if r.Header {
			style := s.style(text)
			style.Font.Size += 1
			canvas.FillText(style, vg.Point{X: 0, Y: y + 6}, r.Label)
			continue
		}
		style := s.style(text)
		canvas.FillText(style, vg.Point{X: 0, Y: y + 18}, r.Label)
		style.Color, style.XAlign = soft, draw.XRight
		canvas.FillText(style, vg.Point{X: s.width - 12, Y: y + 18}, r.Value)
		b.bar(&canvas, r, y+3, scale)
	}
	if b.fair > 0 {
		x := scale * vg.Length(b.fair)
		canvas.StrokeLine2(draw.LineStyle{Color: soft, Width: 1, Dashes: []vg.Length{3, 3}}, x, 0, x, s.height)
	}
}

// bar draws one bar and the range of its repetitions.
func (b *bars) bar(c *draw.Canvas, r *bar, y, scale vg.Length) {
	const thick = 11
	fill := func(colour ink, from, to vg.Length) {
		c.SetColor(colour)
		c.Fill(vg.Rectangle{Min: vg.Point{X: from, Y: y}, Max: vg.Point{X: to, Y: y + thick}}.Path())
	}
	if b.track {
		fill(idle, 0, scale*vg.Length(b.longest()))
	}
	x := scale * vg.Length(r.From)
	for _, p := range r.Parts {
		next := x + scale*vg.Length(p.value)
		if r.Range {
			next = max(x+3, scale*vg.Length(p.value))
		}
		if next > x {
			fill(p.colour, x, next)
		}
		x = next
	}
	if r.Span.to > r.Span.from {
		style := draw.LineStyle{Color: text, Width: 1}
		low, high := scale*vg.Length(max(0, r.Span.from)), scale*vg.Length(r.Span.to)
		middle := y + thick/2
		c.StrokeLine2(style, low, middle, high, middle)
		for _, end := range []vg.Length{low, high} {
			c.StrokeLine2(style, end, middle-3, end, middle+3)
		}
	}
}

// block draws a bar's colour for a legend.
func block(colour ink) template.HTML {
	s := size{class: "swatch", width: 44, height: 16}
	c := s.canvas()
	c.SetColor(colour)
	c.Fill(vg.Rectangle{Min: vg.Point{X: 14, Y: 2}, Max: vg.Point{X: 44, Y: 14}}.Path())
	return s.svg(c, "")
}

// thumbnail draws the bars without text.
func (b bars) thumbnail() template.HTML {
	b.full = 0
	s := size{class: "thumb", width: 120, height: 64}
	c := s.canvas()
	canvas := draw.New(c)
	var rows []*bar
	for i := range b.rows {
		if !b.rows[i].Header && len(rows) < 8 {
			rows = append(rows, &b.rows[i])
		}
	}
	for i, r := range rows {
		step := s.height / vg.Length(len(rows))
		y := s.height - step*vg.Length(i+1)
		x := vg.Length(r.From/b.longest()) * s.width
		for _, p := range r.Parts {
			next := x + s.width*vg.Length(p.value/b.longest())
			if r.Range {
				next = s.width * vg.Length(p.value/b.longest())
			}
			canvas.SetColor(p.colour)
			canvas.Fill(vg.Rectangle{Min: vg.Point{X: x, Y: y + 1}, Max: vg.Point{X: next, Y: y + step*0.75}}.Path())
			x = next
		}
	}
	return s.svg(c, "")
}
