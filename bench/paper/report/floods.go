package report

import (
	"fmt"

	"director/bench/paper"
)

// floods makes the section of testlvs: the connections that the director accepts of
// a flood, and the effect of the flood on real clients.
func (s *section) floods(curves []curve) {
	held := bars{label: "Connections that the director made per second"}
	harmed := bars{label: "Failed requests of real clients"}
	slow := bars{label: "Response times of real clients"}
	t := table{Head: []string{"", "SYNs/s sent", "connections/s made", "client connections", "failed", "failed %", "p50 ms", "p99 ms"}}
	worst := 0.0
	s.Caption = "No connection of a real client failed."
	for i := range curves {
		c := &curves[i]
		d := &c.dots[0]
		colour := lookOf(c.Setup).colour
		sent := paper.ValueOf(d.Points, func(p *paper.Point) float64 { return p.SYNs }).Median
		made := paper.ValueOf(d.Points, func(p *paper.Point) float64 { return p.Held }).Median
		started, failed := 0, 0
		for _, p := range d.Points {
			started, failed = started+p.Started, failed+p.Errors()
		}
		if c.Setup.Flood > 0 {
			held.rows = append(held.rows, bar{
				Label: c.Label, Value: grouped(made) + ", for " + grouped(sent) + " SYNs and the real clients", Parts: []part{{made, colour}},
			})
		}
		share := 100 * float64(failed) / float64(max(1, started))
		harmed.rows = append(harmed.rows, bar{
			Label: c.Label, Value: fmt.Sprintf("%d of %d", failed, started), Parts: []part{{share, colour}},
		})
		slow.rows = append(slow.rows, bar{
			Label: c.Label, Value: milliseconds(d.P99) + " ms", Parts: []part{{d.P99.Median / 1000, colour}}, Span: spanOf(d.P99, 1000),
		})
		t.Rows = append(t.Rows, []string{
			c.Label, grouped(sent), grouped(made), fmt.Sprint(started), fmt.Sprint(failed), number(share), milliseconds(d.P50), milliseconds(d.P99),
		})
		if share > worst {
			worst, s.Caption = share, fmt.Sprintf("The worst case: %s, %s %% of the real clients' connections failed.", c.Label, number(share))
		}
	}
	if len(held.rows) > 0 {
		s.Plots = append(s.Plots, drawing{Title: "Connections that the director made per second, including those of the real clients", SVG: held.draw()})
	}
	harmed.full = 1 // at least 1 %, so that a small share does not look large
	s.Plots = append(s.Plots,
		drawing{Title: "Failed connections of real clients, all repetitions, %", SVG: harmed.draw()},
		drawing{Title: "99th percentile of the real clients' response time", SVG: slow.draw()})
	s.Thumbnail = slow.thumbnail()
	s.Tables = append(s.Tables, t)
}
