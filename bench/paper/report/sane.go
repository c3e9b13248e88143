package report

import (
	"slices"

	"director/bench/paper"
)

// most is above every possible measured value.
const most = 1e15

// possible reports whether all values can be measurements. A file may contain
// others, for which axes would have no end.
func possible(values ...float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return !(v >= 0 && v <= most) }) // NaN fails both comparisons
}

// sane returns the data without impossible rows, and the number of rows that it
// left out.
func sane(d *paper.Data) (good *paper.Data, left int) {
	good = &paper.Data{Run: d.Run, Usage: make(map[string][]paper.Usage, len(d.Usage))}
	for _, p := range d.Points {
		if possible(p.Offered, p.ReplyRate, p.Late, p.P50, p.P99, p.Bits, p.Packets, p.Busy, p.SYNs, p.Held, p.LeastShare, p.MostShare, float64(p.Started), float64(p.Errors())) {
			good.Points = append(good.Points, p)
		} else {
			left++
		}
	}
	for _, t := range d.Transfers {
		if possible(float64(t.Bytes), float64(t.Turns), t.Seconds) && t.Turns > 0 && t.Seconds > 0 {
			good.Transfers = append(good.Transfers, t)
		} else {
			left++
		}
	}
	for key, rows := range d.Usage {
		for _, u := range rows {
			if possible(u.User, u.UserDev, u.Sys, u.SysDev, u.Soft, u.SoftDev, u.Idle, u.IdleDev) {
				good.Usage[key] = append(good.Usage[key], u)
			} else {
				left++
			}
		}
	}
	return good, left
}
