package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"director/bench/paper"
)

// cpus makes the section of CPU usage: bars, and the table of the paper's figure
// 16.
func (s *section) cpus(d *paper.Data, f *paper.Figure, curves []curve) {
	s.Taken = fmt.Sprintf("Means of samples over %s, %d repetitions together, and their standard deviation.", short(d.Run.Options.Duration), curves[0].dots[0].N)
	b := bars{label: f.Title + ": user, system, softirq and idle", full: 1, track: true}
	t := table{
		Caption: "Measured, % of one CPU",
		Head:    []string{"", "", "user", "system", "softirq", "idle"},
	}
	var said, without []string
	for _, c := range curves {
		dot, ok := f.Sustained(c.dots)
		usage := usageOf(d, &dot)
		if !ok || len(usage) == 0 {
			without = append(without, c.Label)
			continue
		}
		at := fmt.Sprintf("%s, at %s offered and %s answered/s", c.Label, grouped(dot.Offered), grouped(dot.Rate.Median))
		b.rows = append(b.rows, bar{Label: at, Header: true})
		for i, u := range usage {
			b.rows = append(b.rows, usageBar(&u))
			t.Rows = append(t.Rows, usageRow(c.Label, &u))
			if i > 0 {
				t.Rows[len(t.Rows)-1][0] = ""
			}
			if u.Subject == paper.Director {
				said = append(said, fmt.Sprintf("%s %s %%", c.Label, number(100*(u.User+u.Sys))))
			}
		}
	}
	if len(without) > 0 {
		s.Missing = append(s.Missing, strings.Join(without, "; ")+": there is no sustained rate with a known CPU time")
	}
	if len(b.rows) > 0 {
		s.Plots = []drawing{{SVG: b.draw()}}
		s.Thumbnail = b.thumbnail()
		s.Legend = []key{
			{block(user), "user"}, {block(system), "system"}, {block(softirq), "softirq (of a CPU)"}, {block(idle), "idle, or used by others"},
		}
		s.Data = append(s.Data, t)
	}
	if len(said) > 0 {
		s.Caption = "CPU usage of the director's process, of one CPU: " + strings.Join(said, "; ") + "."
	}
	s.theirTable()
}

// usageBar makes the row of a consumer.
func usageBar(u *paper.Usage) bar {
	used, dev := u.User+u.Sys+u.Soft, math.Sqrt(u.UserDev*u.UserDev+u.SysDev*u.SysDev+u.SoftDev*u.SoftDev)
	return bar{
		Label: u.Subject, Value: fmt.Sprintf("%.0f %%", 100*used), Span: span{used - dev, used + dev},
		Parts: []part{{u.User, user}, {u.Sys, system}, {u.Soft, softirq}},
	}
}

func usageRow(label string, u *paper.Usage) []string {
	percent := func(v, dev float64) string { return fmt.Sprintf("%.1f ± %.1f", 100*v, 100*dev) }
	row := []string{label, u.Subject, percent(u.User, u.UserDev), percent(u.Sys, u.SysDev), "", ""}
	if strings.HasPrefix(u.Subject, "cpu") {
		row[4], row[5] = percent(u.Soft, u.SoftDev), percent(u.Idle, u.IdleDev)
	}
	return row
}

// usageOf returns the usage of the consumers at a dot, the director first and the
// CPUs last: means over repetitions, and the deviation within one.
func usageOf(d *paper.Data, dot *paper.Dot) (all []paper.Usage) {
	type sum struct {
		paper.Usage
		n float64
	}
	sums := make(map[string]*sum)
	for _, p := range dot.Points {
		for _, u := range d.Usage[p.Key()] {
			s := sums[u.Subject]
			if s == nil {
				s = &sum{Usage: paper.Usage{Subject: u.Subject}}
				sums[u.Subject] = s
			}
			s.n++
			s.User, s.Sys, s.Soft, s.Idle = s.User+u.User, s.Sys+u.Sys, s.Soft+u.Soft, s.Idle+u.Idle
			s.UserDev += u.UserDev * u.UserDev
			s.SysDev += u.SysDev * u.SysDev
			s.SoftDev += u.SoftDev * u.SoftDev
			s.IdleDev += u.IdleDev * u.IdleDev
		}
	}
	for _, s := range sums {
		u := s.Usage
		for _, v := range []*float64{&u.User, &u.Sys, &u.Soft, &u.Idle} {
			*v = max(0, *v/s.n)
		}
		for _, v := range []*float64{&u.UserDev, &u.SysDev, &u.SoftDev, &u.IdleDev} {
			*v = math.Sqrt(*v / s.n)
		}
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b paper.Usage) int {
		return cmp.Or(cmp.Compare(rank(a.Subject), rank(b.Subject)), cmp.Compare(a.Subject, b.Subject))
	})
	return all
}

// rank returns the position of a consumer in the order of the paper's tables.
func rank(subject string) int {
	switch {
	case strings.HasPrefix(subject, "rs"):
		return 1
	case subject == "client":
		return 2
	case strings.HasPrefix(subject, "cpu"):
		return 3
	}
	return 0
}
