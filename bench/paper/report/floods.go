package report

import (
	"fmt"

	"director/bench/paper"
)

// floods makes the section of testlvs: what the director takes up of a flood, and
// what the flood does to honest clients.
func (s *section) floods(curves []curve) {
	held := bars{label: "Connections that the director made per second"}
	harmed := bars{label: "Requests of honest clients that failed"}
	slow := bars{label: "Response times of honest clients"}
	t := table{Head: []string{"", "SYNs/s sent", "connections/s made", "honest connections", "failed", "failed %", "p50 ms", "p99 ms"}}
	worst := 0.0
	s.Caption = "No honest connection failed."
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
				Label: c.Label, Value: grouped(made) + " of " + grouped(sent) + " and the honest ones", Parts: []part{{made, colour}},
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
			worst, s.Caption = share, fmt.Sprintf("The most harm: %s, %s %% of the honest connections failed.", c.Label, number(share))
		}
	}
	if len(held.rows) > 0 {
		s.Plots = append(s.Plots, drawing{Title: "Connections that the director made per second, the honest ones among them", SVG: held.draw()})
	}
	harmed.full = 1 // % at the least, lest nothing look like much
	s.Plots = append(s.Plots,
		drawing{Title: "Honest connections that failed, of those of all repetitions, %", SVG: harmed.draw()},
		drawing{Title: "All but one honest reply in a hundred come within", SVG: slow.draw()})
	s.Thumbnail = slow.thumbnail()
	s.Tables = append(s.Tables, t)
}
