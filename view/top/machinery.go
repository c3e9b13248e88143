package top

import (
	"fmt"

	"director/view/figures"
)

// sizes are the headings of figures.Worker.Batches: the largest batch of each class.
var sizes = [...]string{"1", "2", "4", "8", "16", "32", "64"}

// workersTable returns the heading and the lines of the workers. For batches it shows the
// mean size and the percentage of each size.
func (m *model) workersTable() (head, body []line) {
	title := fmt.Sprintf("%-6s%4s%7s%6s%6s%6s%6s%7s", "WORKER", "CPU", "LOAD", "RX/S", "TX/S", "HOST", "DROP", "BATCH")
	for _, s := range sizes {
		title += fmt.Sprintf("%4s", s)
	}
	head = []line{text(header, "%s  %%", title)}
	for i, w := range m.now.Rates.Workers {
		worker := &m.now.Figures.Workers[i]
		row := fmt.Sprintf("%-6d%4d%7s%6s%6s%6s%6s%7s", worker.Index, worker.CPU, percent(w.CPU),
			rate(w.Rx), rate(w.Tx), rate(w.Host), rate(w.Drops), mean(w.Batch))
		for _, part := range w.Share {
			row += fmt.Sprintf("%4.0f", 100*part)
		}
		st := normal
		if w.CPU >= 0.9 {
			st = warning
		}
		body = append(body, text(st, "%s", row))
	}
	return head, body
}

// queuesTable returns the heading and the lines of the queues. The losses of a queue follow
// below it. Frames that arrived on queues without a worker come last.
func (m *model) queuesTable() (head, body []line) {
	const format = "%-15s%6s%7s %-26s%6s%6s%7s"
	head = []line{text(header, format, "INTERFACE", "QUEUE", "WORKER", "I/O", "RX/S", "TX/S", "LOST/S")}
	for i, flow := range m.now.Rates.Queues {
		q := &m.now.Figures.Queues[i]
		io := q.IO
		for _, more := range []string{q.Attach, q.Mode} {
			if more != "" {
				io += " " + more
			}
		}
		style := losing(flow.Lost)
		body = append(body, text(style, format, clean(q.Interface), fmt.Sprint(q.Queue), fmt.Sprint(q.Worker),
			clean(io), rate(flow.Rx), rate(flow.Tx), rate(flow.Lost)))
		if len(flow.Losses) > 0 {
			body = append(body, append(text(style, "  lost"), list(flow.Losses)...))
		}
	}
	for _, u := range m.now.Unserved {
		body = append(body, text(losing(u.Rate), format, clean(u.Name), "-", "-", "no worker: dropped "+count(u.Total), rate(u.Rate), "", rate(u.Rate)))
	}
	for _, w := range m.now.Wrong {
		body = append(body, text(losing(w.Rate), format, clean(w.Name), "-", "-", "wrong checksums: "+count(w.Total), rate(w.Rate), "", ""))
	}
	return head, body
}

func losing(r float64) style {
	if r > 0 {
		return alarm
	}
	return normal
}

// list writes tallies in one line: name, rate, total.
func list(all []figures.Tally) (l line) {
	for _, t := range all {
		st := normal
		if t.Rate > 0 {
			st = warning
		}
		l = append(l, span{fmt.Sprintf("  %s %s/s (%s)", clean(t.Name), rate(t.Rate), count(t.Total)), st})
	}
	return l
}

// reasonsTable returns the heading and the lines of a table of reasons.
func reasonsTable(title string, all []figures.Tally) (head, body []line) {
	head = []line{text(header, "%-32s%8s%8s", title, "/S", "TOTAL")}
	for _, t := range all {
		st := normal
		if t.Rate > 0 {
			st = strong
		}
		body = append(body, text(st, "%-32s%8s%8s", clean(t.Name), rate(t.Rate), count(t.Total)))
	}
	if len(all) == 0 {
		body = append(body, text(faint, "none"))
	}
	return head, body
}
