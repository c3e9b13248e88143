package page

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"director/docs"
	"director/packet"
	"director/view/figures"
)

// reasonRow is one reason for which frames were dropped or left to the kernel.
type reasonRow struct {
	Name, Text, Total string
	Rate              template.HTML

	rate float64
}

var reasonTexts = docs.Reasons()

// dropped and left are the rows of the reasons that occurred, in the order in which a
// packet can meet them.
func dropped(rates *figures.Rates) []reasonRow {
	return reasons(rates.Drops, func(r docs.Reason) string { return r.Dropped })
}

func left(rates *figures.Rates) []reasonRow {
	return reasons(rates.Left, func(r docs.Reason) string { return r.Left })
}

func reasons(all []figures.Tally, text func(docs.Reason) string) (rows []reasonRow) {
	for r := range packet.Reasons {
		name := r.String()
		if at := slices.IndexFunc(all, func(t figures.Tally) bool { return t.Name == name }); at >= 0 {
			t := &all[at]
			rows = append(rows, reasonRow{
				Name: name, Text: text(reasonTexts[name]), Total: count(t.Total), Rate: number(t.Rate), rate: t.Rate,
			})
		}
	}
	return rows
}

// workerRow is the row of a worker.
type workerRow struct {
	Index, CPU                                 int
	Busy                                       string // per cent of its CPU
	Bar                                        int    // likewise, of 100
	Hot                                        bool
	Rx, Tx, Handoff, Drops, Conns, Expired, In template.HTML // In: frames per batch
	Line                                       string
}

// hot is the load, in per cent of a CPU, at which a worker is marked. Above it, bursts of
// frames are lost.
const hot = 90

func workers(f *figures.Figures, rates *figures.Rates, h *history) []workerRow {
	rows := make([]workerRow, len(f.Workers))
	for i := range rows {
		w, did := &f.Workers[i], &rates.Workers[i]
		cpu := 100 * did.CPU
		rows[i] = workerRow{
			Index: w.Index, CPU: w.CPU, Busy: wholePercent(cpu), Bar: barOf(cpu), Hot: cpu >= hot,
			Rx: number(did.Rx), Tx: number(did.Tx), Handoff: number(did.Handoff), Drops: number(did.Drops),
			Conns: number(did.Conns), Expired: number(did.Expired), In: number(did.Batch),
			Line: spark(h.workers[w.Index].line(0, h.count, rowGroup), 100, rowGroup),
		}
	}
	return rows
}

func wholePercent(v float64) string {
	if math.IsNaN(v) {
		return nothing
	}
	return fmt.Sprintf("%.0f", v)
}

// barOf returns the length of a bar that has 100 units at most.
func barOf(percent float64) int {
	if math.IsNaN(percent) {
		return 0
	}
	return int(min(max(percent, 0), 100) + 0.5)
}

// queueRow is the row of a NIC queue.
type queueRow struct {
	Interface, IO string
	Queue, Worker int
	Rx, Tx, Lost  template.HTML // per second
	Losses        []loss        // since the start

	lost  float64
	cause string // of most of what is lost now
}

// loss is a number of lost frames, by kind or interface.
type loss struct {
	Name, Total string

	rate float64
}

// causeOf says why the queue loses most of the frames that it loses now.
func causeOf(q *figures.Queue, flow *figures.Flow) string {
	if len(flow.Losses) == 0 {
		return ""
	}
	if q.Attach == "generic" && flow.Losses[0].Name == "kernel" {
		return "in generic mode packets longer than the MTU are lost: at the other end ethtool -K PEER tso off, here ethtool -K " + q.Interface + " gro off"
	}
	for _, l := range q.Losses() {
		if l.Name == flow.Losses[0].Name {
			return l.Text
		}
	}
	return ""
}

func queues(f *figures.Figures, rates *figures.Rates) []queueRow {
	rows := make([]queueRow, len(f.Queues))
	for i := range rows {
		q, flow := &f.Queues[i], &rates.Queues[i]
		row := queueRow{
			Interface: q.Interface, Queue: q.Queue, Worker: q.Worker,
			IO: strings.Join(strings.Fields(q.IO+" "+q.Attach+" "+q.Mode), " "),
			Rx: number(flow.Rx), Tx: number(flow.Tx), Lost: number(flow.Lost), lost: flow.Lost, cause: causeOf(q, flow),
		}
		for _, l := range q.Losses() {
			if l.Frames > 0 {
				row.Losses = append(row.Losses, loss{Name: l.Text, Total: count(l.Frames)})
			}
		}
		rows[i] = row
	}
	return rows
}

// losses returns a counter of each interface. The order of the interfaces does not depend
// on the rates.
func losses(tallies []figures.Tally) (all []loss) {
	for _, t := range tallies {
		all = append(all, loss{t.Name, count(t.Total), t.Rate})
	}
	slices.SortFunc(all, func(a, b loss) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
