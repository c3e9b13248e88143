package paper_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"director/bench/figure"
	"director/bench/paper"
)

// data returns data of setups, each with its highest rate in connections per
// second.
func data(of map[paper.Setup]float64) *paper.Data {
	d := &paper.Data{Run: begun()}
	for s, most := range of {
		for _, rate := range []float64{500, 1000, 2000, 4000, 5000} {
			for r := range 3 {
				rr := min(rate, most)
				d.Points = append(d.Points, paper.Point{
					Setup: s, Offered: rate, Repetition: r + 1, Started: int(rate), Timeouts: int(rate - rr),
					ReplyRate: rr + float64(r-1), P50: 100 + most/100, Busy: rr * 100e-6,
				})
			}
		}
	}
	return d
}

func setup(method string, servers int) paper.Setup {
	return paper.Setup{Balancer: paper.Director, Method: method, Workers: 1, Servers: servers, Cap: 1000}
}

func TestDots_AreMeansOfRepetitions(t *testing.T) {
	d := data(map[paper.Setup]float64{setup(paper.DR, 2): 2000, setup(paper.NAT, 2): 1500})
	dots := d.Dots(setup(paper.DR, 2))
	if len(dots) != 5 || dots[0].Offered != 500 || dots[4].Offered != 5000 {
		t.Fatalf("%d dots: want five, in order", len(dots))
	}
	one := dots[1]
	if one.N != 3 || one.Rate.Median != 1000 || one.Rate.Off() != 1 || one.Errors.Median != 0 || one.Overrun {
		t.Errorf("%+v: want 1000 ± 1 of 3", one)
	}
	if c := one.PerConnection(); c < 99 || c > 101 {
		t.Errorf("%v µs of CPU per connection, want 100", c)
	}
	if peak := paper.Peak(dots); peak.Rate.Median != 2000 {
		t.Errorf("peak %+v", peak.Rate)
	}
	if best, ok := paper.Sustained(dots, paper.Saturated); !ok || best.Offered != 2000 {
		t.Errorf("sustained up to %v (%v), want 2000", best.Offered, ok)
	}
	if _, ok := paper.Sustained(nil, paper.Saturated); ok {
		t.Error("nothing is sustained")
	}
}

// A figure may allow a lower share of errors than others.
func TestFigure_SustainsUpToItsOwnShareOfErrors(t *testing.T) {
	dots := []paper.Dot{
		{Offered: 1000, Rate: paper.Value{Median: 1000}},
		{Offered: 2000, Rate: paper.Value{Median: 1990}, Errors: paper.Value{Median: 0.005}},
	}
	for share, want := range map[float64]float64{0: 2000, 0.0001: 1000} {
		f := paper.Figure{Share: share}
		if best, ok := f.Sustained(dots); !ok || best.Offered != want {
			t.Errorf("share %g: %g (%v), want %g", share, best.Offered, ok, want)
		}
	}
}

// Claims are computed only from what was measured.
func TestClaims_FollowTheData(t *testing.T) {
	direct := paper.Setup{Balancer: paper.Direct, Servers: 1, Cap: 1000}
	good := map[paper.Setup]float64{
		direct: 1000, setup(paper.DR, 1): 990, setup(paper.DR, 2): 1980, setup(paper.DR, 4): 3960, setup(paper.NAT, 4): 3900,
	}
	verdicts := func() map[string]bool {
		met := map[string]bool{}
		for _, c := range paper.Claims(data(good)) {
			if c.Met != nil { // not judged
				met[c.Name] = *c.Met
			}
		}
		return met
	}
	met := verdicts()
	if len(met) != 4 {
		t.Errorf("claims %v: want four", met)
	}
	for name, ok := range met {
		if !ok {
			t.Errorf("%s is not met", name)
		}
	}
	good[setup(paper.DR, 4)], good[setup(paper.NAT, 4)] = 3000, 2000
	met = verdicts()
	if met["DR, 4 servers / 1 server"] || met["NAT / DR, 4 servers"] || !met["DR, 1 server / Direct"] {
		t.Errorf("with worse data: %v", met)
	}
	d := data(good)
	for i := range d.Points { // one repetition of three is disturbed
		if p := &d.Points[i]; p.Setup == setup(paper.DR, 2) && p.Repetition == 1 {
			p.ReplyRate = 0
		}
	}
	for _, c := range paper.Claims(d) {
		if c.Name == "DR, 2 servers / 1 server" && (!*c.Met || !strings.HasPrefix(c.Note, "by means 1.33; CPUs busy 0.2 : ")) {
			t.Errorf("%+v: want it met by medians, and the means in the note", c)
		}
	}
	d = data(good)
	told := slices.ContainsFunc(paper.Claims(d), func(c figure.Figure) bool {
		return c.Met == nil && strings.HasPrefix(c.Name, "DR, 1 server: added to the median") && math.Abs(c.Value) < 0.2
	})
	if !told {
		t.Errorf("no claim about what DR adds to the response time: %+v", paper.Claims(d))
	}
	added, ok := d.Added(setup(paper.DR, 1), direct)
	if !ok || added.Median > 0.11 || added.Median < -0.11 {
		t.Errorf("added %+v (%v), want about 0.1 µs less", added, ok)
	}
	if len(paper.Claims(&paper.Data{Run: begun()})) != 0 {
		t.Error("got claims without data")
	}
}
