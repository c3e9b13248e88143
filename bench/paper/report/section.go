package report

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"director/bench/paper"
)

// table is a table of the page. The first column contains names.
type table struct {
	Caption string
	Head    []string
	Rows    [][]string
	Note    string
}

// section is a figure of the page.
type section struct {
	ID, Title, About, Taken string
	Legend                  []key
	Plots                   []drawing
	Caption, Numbers        string
	Missing                 []string
	Tables                  []table // always visible
	Data                    []table // below, can be unfolded
	Thumbnail               template.HTML
	Emulated                bool
}

// drawing is an SVG element for each size, and the title above it.
type drawing struct {
	Title, Upwards string
	SVG            template.HTML
}

// Drawn reports whether the section has a drawing.
func (s *section) Drawn() bool { return len(s.Plots) > 0 }

// sectionOf makes the section of a figure.
func sectionOf(d *paper.Data, f *paper.Figure) section {
	s := section{ID: f.ID, Title: f.Title, About: f.About, Emulated: f.Kind == paper.Emulation}
	if f.Kind == paper.Sweep {
		s.sweep(d, f)
		return s
	}
	s.Missing = missing(d, f)
	curves := curvesOf(d, f)
	if len(curves) == 0 {
		return s
	}
	s.Taken = taken(curves, &d.Run.Options)
	switch f.Kind {
	case paper.Highest:
		s.highest(f, curves)
	case paper.CPUs:
		s.cpus(d, f, curves)
	case paper.Times:
		s.times(curves)
	case paper.Floods:
		s.floods(curves)
	default:
		s.rates(f, curves)
		if s.Emulated {
			s.scaling(&d.Run)
		}
		s.theirTable()
	}
	s.Data = append(s.Data, points(curves))
	return s
}

// missing returns the curves of a figure that were not measured, and why. Curves
// with the same reason are listed together.
func missing(d *paper.Data, f *paper.Figure) (all []string) {
	without := make(map[string][]string)
	var reasons []string
	for _, c := range f.Curves {
		if len(d.Dots(c.Setup)) > 0 {
			continue
		}
		reason := reasonOf(&d.Run, c.Setup)
		if without[reason] == nil {
			reasons = append(reasons, reason)
		}
		without[reason] = append(without[reason], c.Label)
	}
	for _, reason := range reasons {
		all = append(all, strings.Join(without[reason], "; ")+": "+reason)
	}
	return all
}

// reasonOf returns why a setup has no data.
func reasonOf(run *paper.Run, s paper.Setup) string {
	reason, ok := run.Skipped[s.Key()]
	if !ok || reason == "" {
		return "not measured in this run"
	}
	return strings.TrimPrefix(strings.TrimPrefix(reason, s.Key()+": "), "cannot take part: ")
}

// taken returns how the dots were measured.
func taken(curves []curve, o *paper.Options) string {
	least, most := curves[0].dots[0].N, 0
	for _, c := range curves {
		for _, d := range c.dots {
			least, most = min(least, d.N), max(most, d.N)
		}
	}
	times := fmt.Sprint(least)
	if most > least {
		times += " to " + fmt.Sprint(most)
	}
	text := fmt.Sprintf("Each rate is measured %s × %s, after %s at the same rate", times, short(o.Duration), short(o.Warmup))
	if most > 1 {
		text += "; the median counts, and bars or ± show the repetition that is farthest from it"
	}
	return text + "."
}

// short formats a duration.
func short(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d >= time.Second || d == 0:
		return number(d.Seconds()) + " s"
	}
	return number(d.Seconds()*1000) + " ms"
}

// rates makes the section of curves.
func (s *section) rates(f *paper.Figure, curves []curve) {
	r := rates{curves: curves, published: f.Published}
	r.per, r.capped = unit(curves)
	r.label = f.Title + ": reply rate against offered rate"
	if s.Emulated {
		r.label += ", emulated"
	}
	s.Plots = []drawing{{Upwards: r.upwards(), SVG: r.draw()}}
	s.Legend = r.legend()
	s.Caption, s.Numbers = r.caption()
	s.Thumbnail = r.thumbnail()
}

// scaling adds how workers scale in memory, where nothing is emulated.
func (s *section) scaling(run *paper.Run) {
	if len(run.Scaling) == 0 {
		return
	}
	t := table{
		Caption: "For comparison, measured without emulation: workers in memory, each on a CPU of its own (bench micro), millions of packets per second",
		Head:    []string{"", "workers", "median", "least", "most", "relative to one worker"},
		Note: "The workers of the floor share only the machine: they show how far its CPUs scale. " +
			"The rate of one whole CPU, computed from the CPU time of a connection, is under Capacity by CPU time.",
	}
	one := make(map[string]float64)
	for _, r := range run.Scaling {
		if r.Workers == 1 {
			one[r.Kind] = r.Mpps.Median
		}
		times := "–"
		if one[r.Kind] > 0 {
			times = "× " + fixed(r.Mpps.Median/one[r.Kind], 2)
		}
		t.Rows = append(t.Rows, []string{r.Kind, fmt.Sprint(r.Workers), number(r.Mpps.Median), number(r.Mpps.Min), number(r.Mpps.Max), times})
	}
	s.Tables = append(s.Tables, t)
}

// points is the data of a figure.
func points(curves []curve) table {
	t := table{Head: []string{
		"", "offered/s", "n", "replies/s", "errors %", "p50 ms", "p99 ms", "CPUs busy", "CPU µs each", "Mb/s",
	}}
	for _, c := range curves {
		for i := range c.dots {
			d := &c.dots[i]
			label := c.Label
			if d.Overrun {
				label += " (machine saturated)"
			}
			t.Rows = append(t.Rows, []string{
				label, grouped(d.Offered), fmt.Sprint(d.N), plusMinus(d.Rate.Median, d.Rate.Off()), number(100 * d.Errors.Median),
				milliseconds(d.P50), milliseconds(d.P99), plusMinus(d.Busy.Median, d.Busy.Off()), grouped(d.PerConnection()),
				number(d.Bits.Median / 1e6),
			})
		}
	}
	return t
}

// milliseconds formats a time in microseconds as milliseconds.
func milliseconds(v paper.Value) string { return plusMinus(v.Median/1000, v.Off()/1000) }
