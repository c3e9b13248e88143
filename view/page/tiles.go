package page

import (
	"fmt"
	"math"

	"director/view/figures"
)

// tile shows one number of the whole director, and its last ten minutes.
type tile struct {
	Name, Value, Unit, More string
	Lines                   []string
	Label                   string // the lines as text, for screen readers
	Class                   string
	Two                     bool // More is what the second line shows
}

// tiles returns the numbers at the top of the page.
func tiles(t sums, f *figures.Figures, rates *figures.Rates, h *history) []tile {
	table := f.Table
	fill, cpu := percent(float64(table.Used), float64(table.Size)), 100*rates.Total.CPU
	all := []tile{
		rated("Connections", "/s", float64(t.rates.CPS)),
		{Name: "Active", Value: count(t.active), More: count(t.inactive) + " inactive"},
		rated("Packets in", "/s", float64(t.rates.InPPS)),
		rated("Bytes in", "B/s", float64(t.rates.InBPS)),
		rated("Table", "%", fill),
		rated("CPU", "%", cpu),
		rated("Dropped", "/s", rates.Total.Drops),
	}
	all[0].More = "new"
	all[2].More = amount(float64(t.rates.OutPPS)) + "/s out"
	all[3].More = amount(float64(t.rates.OutBPS)) + "B/s out"
	if t.servers > 0 && !t.answers && t.rates.OutPPS == 0 {
		all[2].More, all[3].More = "answers not seen", "answers not seen"
	}
	all[4].More = count(uint64(table.Used)) + " of " + count(uint64(table.Size))
	all[4].Class = hotter(fill)
	all[5].More = "of " + plural(len(f.Workers), "worker", "workers")
	all[6].More = "frames"
	for i, of := range [...]struct {
		rings []int
		scale float32 // the largest possible value, 0 if there is none
	}{
		{[]int{totalConns}, 0}, {[]int{totalActive}, 0}, {[]int{totalInPkts, totalOutPkts}, 0}, {[]int{totalInBytes, totalOutBytes}, 0},
		{[]int{totalUsed}, float32(table.Size)}, {[]int{totalCPU}, float32(100 * len(f.Workers))}, {[]int{totalDrops}, 0},
	} {
		all[i].draw(h, of.rings, of.scale)
	}
	return all
}

func rated(name, unit string, v float64) tile {
	digits, prefix := si(v)
	return tile{Name: name, Value: digits, Unit: prefix + unit}
}

// draw draws the lines of rings on one scale. If scale is 0, it is the largest value.
func (t *tile) draw(h *history, rings []int, scale float32) {
	var values [][]float32
	for _, ring := range rings {
		values = append(values, h.total.line(ring, h.count, 1))
	}
	top := peak(values...)
	if scale == 0 {
		scale = top
	}
	for _, line := range values {
		t.Lines = append(t.Lines, spark(line, scale, 1))
	}
	t.Two = len(rings) > 1
	t.Label = fmt.Sprintf("%s, last ten minutes, at most %s", t.Name, amount(float64(top)))
}

func hotter(percent float64) string {
	if !math.IsNaN(percent) && percent >= hot {
		return "bad"
	}
	return ""
}
