package page

import (
	"fmt"
	"html/template"
	"maps"
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

// dropped and left are the rows of reasons that there were, in the order in which a
// packet can meet them.
func dropped(s span) []reasonRow {
	of := func(w *figures.Worker) map[string]uint64 { return w.Drops }
	return reasons(s, of, func(r docs.Reason) string { return r.Dropped })
}

func left(s span) []reasonRow {
	of := func(w *figures.Worker) map[string]uint64 { return w.Host }
	return reasons(s, of, func(r docs.Reason) string { return r.Left })
}

func reasons(s span, of func(*figures.Worker) map[string]uint64, text func(docs.Reason) string) (rows []reasonRow) {
	now, then := byReason(s.now, of), byReason(s.then, of)
	for r := range packet.Reasons {
		name := r.String()
		if n := now[name]; n > 0 {
			rate := s.per(n, then[name])
			rows = append(rows, reasonRow{
				Name: name, Text: text(reasonTexts[name]), Total: count(n), Rate: number(rate), rate: rate,
			})
		}
	}
	return rows
}

// workerRow is a worker and what it does.
type workerRow struct {
	Index, CPU                                 int
	Busy                                       string // per cent of its CPU
	Bar                                        int    // likewise, of 100
	Hot                                        bool
	Rx, Tx, Handoff, Drops, Conns, Expired, In template.HTML // In: frames per batch
	Line                                       string
}

// hot is the load, in per cent of a CPU, from which on a worker is marked: above it
// bursts are lost.
const hot = 90

func workers(s span, h *history) []workerRow {
	rows := make([]workerRow, len(s.now.Workers))
	for i := range rows {
		w := &s.now.Workers[i]
		did := s.worker(w)
		rows[i] = workerRow{
			Index: w.Index, CPU: w.CPU, Busy: wholePercent(did.cpu), Bar: barOf(did.cpu), Hot: did.cpu >= hot,
			Rx: number(did.rx), Tx: number(did.tx), Handoff: number(did.handoff), Drops: number(did.drops),
			Conns: number(did.conns), Expired: number(did.expired), In: number(did.batch),
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

// barOf is the length of a bar of 100 units.
func barOf(percent float64) int {
	if math.IsNaN(percent) {
		return 0
	}
	return int(min(max(percent, 0), 100) + 0.5)
}

// queueRow is a NIC queue, and what was lost there.
type queueRow struct {
	Interface, IO string
	Queue, Worker int
	Rx, Tx, Lost  template.HTML // per second
	Losses        []loss        // since the start

	lost float64
}

// loss is one way in which frames are lost at a queue.
type loss struct{ Name, Total string }

// losses are the ways, as an operator would say them.
var losses = []struct {
	name string
	of   func(*figures.Queue) uint64
}{
	{"receive ring full: the worker was too slow", func(q *figures.Queue) uint64 { return q.RxRingFull }},
	{"lost in the kernel before the ring", func(q *figures.Queue) uint64 { return q.KernelDrops }},
	{"received, but not what a queue can carry", func(q *figures.Queue) uint64 { return q.RxInvalid }},
	{"transmit ring full", func(q *figures.Queue) uint64 { return q.TxFull }},
	{"link down", func(q *figures.Queue) uint64 { return q.TxDown }},
	{"refused by the interface", func(q *figures.Queue) uint64 { return q.TxInvalid }},
	{"lost on the way back to the kernel", func(q *figures.Queue) uint64 { return q.HostFailed }},
}

func queues(s span) []queueRow {
	rows := make([]queueRow, len(s.now.Queues))
	for i := range rows {
		now := &s.now.Queues[i]
		then := s.queueBefore(now)
		row := queueRow{
			Interface: now.Interface, Queue: now.Queue, Worker: now.Worker,
			IO: strings.Join(strings.Fields(now.IO+" "+now.Attach+" "+now.Mode), " "),
			Rx: number(s.per(now.Rx, then.Rx)), Tx: number(s.per(now.Tx, then.Tx)),
		}
		var lost, before uint64
		for _, l := range losses {
			n := l.of(now)
			lost += n
			before += l.of(&then)
			if n > 0 {
				row.Losses = append(row.Losses, loss{l.name, count(n)})
			}
		}
		row.lost = s.per(lost, before)
		row.Lost = number(row.lost)
		rows[i] = row
	}
	return rows
}

// unserved says for each interface what arrived on queues that nobody serves.
func unserved(f *figures.Figures) (all []loss) {
	for _, name := range slices.Sorted(maps.Keys(f.Unserved)) {
		all = append(all, loss{name, count(f.Unserved[name])})
	}
	return all
}
