package paper

import (
	"fmt"

	"director/bench/figure"
)

// Claims judges the claims of the report by its data. A claim whose setups were not
// measured is left out.
func Claims(d *Data) []figure.Figure {
	m := matrix{&d.Run}
	last := m.workers()[len(m.workers())-1]
	var claims []figure.Figure
	ratio := func(name string, a, b Setup, least float64) {
		over, under := d.Dots(a), d.Dots(b)
		if len(over) == 0 || Peak(under).Rate.Median == 0 {
			return
		}
		most, other := Peak(over), Peak(under)
		c := figure.Judge(name, most.Rate.Median/other.Rate.Median, figure.AtLeast, least)
		// If neither dot left the machine idle CPU time, their ratio is one of the
		// cost of a reply.
		c.Note = fmt.Sprintf("by means %.2f; CPUs busy %.1f : %.1f, %.0f : %.0f µs per reply", meanPeak(over)/meanPeak(under),
			most.Busy.Median, other.Busy.Median, most.PerConnection(), other.PerConnection())
		claims = append(claims, c)
	}
	one := m.director(DR, 1, 1)
	ratio("DR, 1 server / Direct", one, m.direct(), 0.97)
	ratio("DR, 2 servers / 1 server", m.director(DR, 1, 2), one, 1.9)
	ratio("DR, 4 servers / 1 server", m.director(DR, 1, 4), one, 3.5)
	if last > 1 {
		ratio(fmt.Sprintf("DR, 4 servers / 1 server, %s", workers(last)), m.director(DR, last, 4), m.director(DR, last, 1), 3.5)
	}
	ratio("NAT / DR, 4 servers", m.director(NAT, 1, 4), m.director(DR, 1, 4), 0.9)
	ratio("NAT / DR, 4 servers without a cap", uncapped(m.director(NAT, 1, 4)), uncapped(m.director(DR, 1, 4)), 0.9)
	if n := m.emulated(m.director(DR, 1, 4)); n.Emulated() {
		ratio("emulated: DR, 2 workers / 1 worker", m.emulated(m.director(DR, 2, 4)), n, 1.6)
	}
	for _, method := range methods {
		s := m.director(method, 1, 1)
		if added, ok := d.Added(s, m.direct()); ok {
			claims = append(claims, figure.Figure{
				Name: name(method) + ", 1 server: added to the median response time of Direct, µs", Value: added.Median,
				Note: fmt.Sprintf("± %.0f, at half a server's rate", added.Off()),
			})
		}
	}
	return append(claims, d.agreement(m)...)
}

// meanPeak returns the highest reply rate by the mean of the repetitions, as the
// paper computes it. A single repetition far below the others lowers it.
func meanPeak(dots []Dot) (most float64) {
	for _, d := range dots {
		sum := 0.0
		for _, p := range d.Points {
			sum += p.ReplyRate
		}
		most = max(most, sum/float64(d.N))
	}
	return most
}

// agreement judges how well the built-in client and httperf agree on the reply
// rate.
func (d *Data) agreement(m matrix) (claims []figure.Figure) {
	theirs := m.director(DR, 1, 1)
	theirs.Client = "httperf"
	ours := Peak(d.Dots(m.director(DR, 1, 1))).Rate.Median
	if h := Peak(d.Dots(theirs)).Rate.Median; h > 0 && ours > 0 {
		claims = append(claims,
			figure.Judge("httperf / our client, DR, 1 server", h/ours, figure.AtLeast, 0.95),
			figure.Judge("our client / httperf, DR, 1 server", ours/h, figure.AtLeast, 0.95))
	}
	return claims
}

// Added returns what the balancer adds to the median response time at a setup's
// lowest offered rate, in microseconds, compared with Direct at the same or the
// nearest rate. ok reports whether both were measured.
func (d *Data) Added(s, direct Setup) (added Value, ok bool) {
	through, without := d.Dots(s), d.Dots(direct)
	if len(through) == 0 || len(without) == 0 {
		return Value{}, false
	}
	a, b := through[0], without[0]
	added.Median = a.P50.Median - b.P50.Median
	off := a.P50.Off() + b.P50.Off()
	return Value{added.Median, added.Median - off, added.Median + off}, true
}
