package report

import (
	"fmt"
	"math"
	"slices"

	"director/bench/figure"
	"director/bench/paper"
)

// tile is a number at the top of the page.
type tile struct{ Name, Value, Unit, More string }

// claims returns the claims. They are judged only if the run was long enough.
func claims(d *paper.Data) []figure.Figure {
	all := paper.Claims(d)
	if d.Run.Options.Quick {
		figure.Unjudged(all)
		for i := range all {
			all[i].Note = "quick run"
		}
	}
	return all
}

func tiles(d *paper.Data, all []figure.Figure) []tile {
	run := &d.Run
	var tiles []tile
	if run.Ceiling > 0 {
		tiles = append(tiles, tile{"The bed without caps", grouped(run.Ceiling), "connections/s", fmt.Sprintf("measured at the start, on %d CPUs, clients and servers included", run.Machine.NumCPU)})
	}
	if run.Cap > 0 {
		tiles = append(tiles, tile{"One capped server", grouped(float64(run.Cap)), "connections/s", "the paper's: 4,000"})
	}
	one, four := capped(run, 1), capped(run, 4)
	a, b := paper.Peak(d.Dots(one)).Rate.Median, paper.Peak(d.Dots(four)).Rate.Median
	if a > 0 && b > 0 {
		tiles = append(tiles, tile{"DR, 4 servers : 1", "× " + fixed(b/a, 2), "", "one worker; the paper: × 1.8 by one CPU, × 3.3 by four"})
	}
	met, judged := 0, 0
	for _, c := range all {
		if c.Met != nil {
			judged++
			if *c.Met {
				met++
			}
		}
	}
	if judged > 0 {
		tiles = append(tiles, tile{"Claims", fmt.Sprintf("%d of %d", met, judged), "met", "computed from the data below"})
	}
	tiles = append(tiles, tile{"Measured", grouped(float64(len(d.Points))), "points", "in " + short(run.Took)})
	return tiles
}

// capped returns the setup of DR with one worker and this number of capped servers.
func capped(run *paper.Run, servers int) paper.Setup {
	return paper.Setup{Balancer: paper.Director, Method: paper.DR, Workers: 1, Servers: servers, Cap: run.Cap}
}

// nearest returns the dot whose rate is nearest to rate.
func nearest(dots []paper.Dot, rate float64) *paper.Dot {
	if len(dots) == 0 {
		return nil
	}
	i := 0
	for j := range dots {
		if math.Abs(dots[j].Offered-rate) < math.Abs(dots[i].Offered-rate) {
			i = j
		}
	}
	return &dots[i]
}

// capacity makes the table of how many connections per second a director could
// serve with one CPU of its own. It is computed from the additional CPU time of a
// connection through the director.
func capacity(d *paper.Data) table {
	t := table{
		Head: []string{"", "at, offered/s", "CPU µs each", "Direct", "added", "connections/s by one CPU"},
		Note: "CPU time of the whole machine for each reply, at the highest sustained rate, and for Direct at the nearest rate. The time that a balancer " +
			"adds is its own work and the kernel's work for it. The last column is the rate of one CPU that does only this. There is no number where the difference " +
			"is less than twice the deviation of the repetitions, or there is only one repetition.",
	}
	direct := paper.Setup{Balancer: paper.Direct, Servers: 1}
	without := d.Dots(direct)
	for _, c := range peersFigure(&d.Run).Curves {
		best, ok := paper.Sustained(d.Dots(c.Setup), paper.Saturated)
		if c.Setup == direct || !ok || len(without) == 0 {
			continue
		}
		base := nearest(without, best.Offered)
		a, b := cost(&best), cost(base)
		added, dev := a.Median-b.Median, math.Hypot(a.Off(), b.Off())
		row := []string{c.Label, grouped(best.Offered), withOff(a), withOff(b), withOff(paper.Value{Median: added, Least: added - dev, Most: added + dev}), "–"}
		if base.Offered != best.Offered {
			row[3] += " (at " + grouped(base.Offered) + ")"
		}
		if best.N > 1 && base.N > 1 && added >= 1 && added > 2*dev {
			row[5] = grouped(math.Round(1e4/added) * 100)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// cost returns the CPU time per reply at a dot, in microseconds, of all CPUs.
func cost(d *paper.Dot) paper.Value {
	return paper.ValueOf(d.Points, func(p *paper.Point) float64 { return p.Busy / max(p.ReplyRate, 1) * 1e6 })
}

// withOff formats a value and its deviation as whole numbers.
func withOff(v paper.Value) string {
	if v.Off() == 0 {
		return grouped(v.Median)
	}
	return grouped(v.Median) + " ± " + grouped(v.Off())
}

// peersFigure returns the figure of all balancers.
func peersFigure(run *paper.Run) paper.Figure {
	chosen, _ := paper.Select(paper.Figures(run), []string{"peers"})
	return chosen[0]
}

// peers makes the table of all balancers in the same bed.
func peers(d *paper.Data) table {
	t := table{
		Head: []string{"", "peak replies/s", "at, offered/s", "p50 ms", "p99 ms", "CPU µs each", "packets/s"},
		Note: "Times, CPU and packets at the measured rate nearest to half of the balancer's own peak. Packets are those of the client's interfaces.",
	}
	for _, c := range peersFigure(&d.Run).Curves {
		dots := d.Dots(c.Setup)
		if len(dots) == 0 {
			t.Rows = append(t.Rows, []string{c.Label, reasonOf(&d.Run, c.Setup)})
			continue
		}
		peak := paper.Peak(dots)
		half := nearest(dots, peak.Rate.Median/2)
		packets := paper.ValueOf(half.Points, func(p *paper.Point) float64 { return p.Packets }).Median
		t.Rows = append(t.Rows, []string{
			c.Label, plusMinus(peak.Rate.Median, peak.Rate.Off()), grouped(half.Offered), milliseconds(half.P50), milliseconds(half.P99),
			grouped(half.PerConnection()), grouped(packets),
		})
	}
	return t
}

// measured reports whether a table contains any measurement.
func measured(t table) bool {
	return slices.ContainsFunc(t.Rows, func(r []string) bool { return len(r) == len(t.Head) })
}
