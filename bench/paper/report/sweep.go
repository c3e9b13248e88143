package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"director/bench/paper"
)

// sweep is a setup's throughput by message size.
type sweep struct {
	paper.Curve
	steps []paper.Step
}

// sweep makes the section of throughput by message size: a chart with logarithmic
// axes, like netpipe's signatures, and the data.
func (s *section) sweep(d *paper.Data, f *paper.Figure) {
	var all []sweep
	var without []string
	for _, c := range f.Curves {
		if steps := d.Steps(c.Setup); len(steps) > 0 {
			all = append(all, sweep{c, steps})
		} else {
			without = append(without, c.Label+": "+reasonOf(&d.Run, c.Setup))
		}
	}
	s.Missing = without
	if len(all) == 0 {
		return
	}
	s.Taken = fmt.Sprintf("Each size is measured %d ×; the median counts, and bars show the others.", all[0].steps[0].N)
	s.Plots = []drawing{{Upwards: "↑ Mb/s, one way", SVG: drawSweeps(f.Title, all)}}
	s.Thumbnail = sweepThumbnail(all)
	t := table{Head: []string{"", "message", "n", "Mb/s", "one way, µs"}}
	var said []string
	for _, c := range all {
		l := lookOf(c.Setup)
		s.Legend = append(s.Legend, key{swatch(l.line(), l.markers()), c.Label})
		var most float64
		for _, step := range c.steps {
			most = max(most, step.Throughput.Median)
			t.Rows = append(t.Rows, []string{
				c.Label, bytesOf(float64(step.Bytes)), fmt.Sprint(step.N),
				plusMinus(step.Throughput.Median/1e6, step.Throughput.Off()/1e6), plusMinus(step.Latency.Median, step.Latency.Off()),
			})
		}
		said = append(said, fmt.Sprintf("%s %s µs and %s Mb/s", c.Label, number(c.steps[0].Latency.Median), grouped(most/1e6)))
	}
	s.Caption = "The time of one byte in one direction, and the highest throughput: " + strings.Join(said, "; ") + ". " +
		"AF_XDP needs complete frames, so frames through the director are not offloaded. On a direct path, offload makes large messages cheap."
	s.Data = append(s.Data, t)
}

func drawSweeps(label string, all []sweep) template.HTML {
	return both(height, label, func(s *size, c *vgsvg.Canvas) {
		p := s.axes("message, bytes")
		for _, a := range []*plot.Axis{&p.X, &p.Y} {
			a.Scale = plot.LogScale{}
			a.Tick.Marker = plot.TickerFunc(decades)
		}
		x, y := extentOf(all)
		for _, one := range all {
			addSweep(p, &one)
		}
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = x[0], x[1], y[0], y[1]
		p.Draw(draw.Crop(draw.New(c), 2, -8, 2, -8))
	})
}

// extentOf returns the ends of the axes: bytes, and Mb/s.
func extentOf(all []sweep) (x, y [2]float64) {
	x, y = [2]float64{1, 2}, [2]float64{1, 2}
	for i, c := range all {
		for j, step := range c.steps {
			mbps := step.Throughput.Median / 1e6
			if i+j == 0 {
				y = [2]float64{mbps, mbps}
			}
			x[1] = max(x[1], float64(step.Bytes)*1.3)
			y = [2]float64{min(y[0], mbps), max(y[1], mbps)}
		}
	}
	y[0] = math.Pow(10, math.Floor(math.Log10(max(y[0], 1e-6))))
	return x, [2]float64{y[0], max(y[1]*1.5, y[0]*10)}
}

func addSweep(p *plot.Plot, one *sweep) {
	l := lookOf(one.Setup)
	var dots plotter.XYs
	var errors plotter.YErrors
	for _, step := range one.steps {
		mbps := func(v float64) float64 { return max(v/1e6, 1e-6) } // a logarithmic axis has no zero
		t := step.Throughput
		dots = append(dots, plotter.XY{X: float64(step.Bytes), Y: mbps(t.Median)})
		errors = append(errors, struct{ Low, High float64 }{mbps(t.Median) - mbps(t.Least), mbps(t.Most) - mbps(t.Median)})
	}
	addLine(p, &l, dots, errors)
}

// decades returns the powers of ten, or of a thousand if there are many.
func decades(least, most float64) (all []plot.Tick) {
	step := 1.0
	if math.Log10(most/least) > 6.5 {
		step = 2
	}
	for e := math.Ceil(math.Log10(least) - 1e-9); math.Pow(10, e) <= most; e += step {
		v := math.Pow(10, e)
		label := grouped(v)
		if v < 1 {
			label = strconv.FormatFloat(v, 'g', 3, 64)
		}
		all = append(all, plot.Tick{Value: v, Label: label})
	}
	return all
}

// bytesOf formats a size.
func bytesOf(n float64) string {
	switch {
	case n >= 1<<20:
		return number(n/(1<<20)) + " MiB"
	case n >= 1<<10:
		return number(n/(1<<10)) + " KiB"
	}
	return number(n) + " B"
}

func sweepThumbnail(all []sweep) template.HTML {
	s := size{class: "thumb", width: 120, height: 64}
	c := s.canvas()
	canvas := draw.New(c)
	x, y := extentOf(all)
	at := func(v float64, of [2]float64) vg.Length {
		return vg.Length(math.Log(max(v, of[0])/of[0]) / math.Log(of[1]/of[0]))
	}
	for _, one := range all {
		var points []vg.Point
		for _, step := range one.steps {
			points = append(points, vg.Point{X: s.width * at(float64(step.Bytes), x), Y: s.height * at(step.Throughput.Median/1e6, y)})
		}
		canvas.StrokeLines(draw.LineStyle{Color: lookOf(one.Setup).colour, Width: 1.6}, points)
	}
	return s.svg(c, "")
}
