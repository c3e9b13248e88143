package report

import (
	"fmt"
	"slices"
	"strings"

	"director/bench/paper"
)

// times makes the section of response times and shares. Each workload has two
// charts with a row for each scheduler.
func (s *section) times(curves []curve) {
	var workloads []string
	for _, c := range curves {
		if !slices.Contains(workloads, c.Setup.Workload) {
			workloads = append(workloads, c.Setup.Workload)
		}
	}
	var said []string
	for _, w := range workloads {
		var of []curve
		for _, c := range curves {
			if c.Setup.Workload == w {
				c.Label = strings.TrimSuffix(c.Label, ", "+w)
				of = append(of, c)
			}
		}
		said = append(said, s.timesOf(map[string]string{paper.Sizes: "Variable sizes", paper.Service: "Variable service times"}[w], of))
	}
	s.Caption = strings.Join(said, " ")
}

// timesOf adds the charts of one workload, and returns a summary.
func (s *section) timesOf(workload string, curves []curve) string {
	slow := bars{label: workload + ": response times"}
	share := bars{label: workload + ": shares of the servers", full: 1}
	best, even := &curves[0], &curves[0]
	for i := range curves {
		c := &curves[i]
		d := &c.dots[0]
		least, most := shares(d)
		colour := lookOf(c.Setup).colour
		slow.rows = append(slow.rows, bar{
			Label: c.Label, Value: milliseconds(d.P99) + " ms",
			Parts: []part{{d.P99.Median / 1000, colour}}, Span: spanOf(d.P99, 1000),
		})
		share.rows = append(share.rows, bar{
			Label: c.Label, Value: fmt.Sprintf("%.0f to %.0f %%", 100*least, 100*most),
			Parts: []part{{most, colour}}, Range: true, From: least,
		})
		if d.P99.Median < best.dots[0].P99.Median {
			best = c
		}
		if most-least < spread(even) {
			even = c
		}
	}
	share.fair = 1 / float64(max(1, curves[0].Setup.Servers))
	s.Plots = append(s.Plots,
		drawing{Title: workload + ": 99th percentile of the response time", SVG: slow.draw()},
		drawing{Title: workload + ": shares of the least and the most used server; the line is the even share", SVG: share.draw()},
	)
	if s.Thumbnail == "" {
		s.Thumbnail = slow.thumbnail()
	}
	return fmt.Sprintf("%s: the shortest 99th percentile has %s, %s ms; the most even shares, %s.",
		workload, best.Label, milliseconds(best.dots[0].P99), even.Label)
}

// shares returns the mean shares of the least and the most used server.
func shares(d *paper.Dot) (least, most float64) {
	for _, p := range d.Points {
		least += p.LeastShare / float64(d.N)
		most += p.MostShare / float64(d.N)
	}
	return least, most
}

func spread(c *curve) float64 {
	least, most := shares(&c.dots[0])
	return most - least
}
