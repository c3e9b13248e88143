package top

import "fmt"

// sizes are the headings of figures.Worker.Batches: the largest of each class.
var sizes = [...]string{"1", "2", "4", "8", "16", "32", "64"}

// workersTable returns the lines of the workers, the heading apart. Of batches it
// shows the mean and how many in a hundred were of each size.
func (m *model) workersTable() (head, body []line) {
	title := fmt.Sprintf("%-6s%4s%7s%6s%6s%6s%6s%7s", "WORKER", "CPU", "LOAD", "RX/S", "TX/S", "HOST", "DROP", "BATCH")
	for _, s := range sizes {
		title += fmt.Sprintf("%4s", s)
	}
	head = []line{text(header, "%s  %%", title)}
	for _, w := range m.now.workers {
		row := fmt.Sprintf("%-6d%4d%7s%6s%6s%6s%6s", w.Index, w.CPU, percent(w.load), w.rx, w.tx, w.host, w.drop)
		if w.batch < 0 {
			row += fmt.Sprintf("%7s", "-")
		} else {
			row += fmt.Sprintf("%7.1f", w.batch)
		}
		for _, part := range w.share {
			row += fmt.Sprintf("%4.0f", 100*part)
		}
		st := normal
		if w.load >= 0.9 {
			st = warning
		}
		body = append(body, text(st, "%s", row))
	}
	return head, body
}

// queuesTable returns the lines of the queues, and of the frames that arrived on
// queues that nobody serves. What a queue lost follows it, by kind.
func (m *model) queuesTable() (head, body []line) {
	const format = "%-15s%6s%7s %-26s%6s%6s%7s"
	head = []line{text(header, format, "INTERFACE", "QUEUE", "WORKER", "I/O", "RX/S", "TX/S", "LOST/S")}
	for _, q := range m.now.queues {
		io := q.IO
		for _, more := range []string{q.Attach, q.Mode} {
			if more != "" {
				io += " " + more
			}
		}
		body = append(body, text(losing(q.lost), format, clean(q.Interface), fmt.Sprint(q.Queue.Queue), fmt.Sprint(q.Worker),
			clean(io), q.rx, q.tx, q.lost))
		if len(q.losses) > 0 {
			body = append(body, append(text(losing(q.lost), "  lost"), list(q.losses)...))
		}
	}
	for _, u := range m.now.unserved {
		body = append(body, text(losing(u.rate), format, clean(u.name), "-", "-", "no worker: dropped "+count(u.total), u.rate, "", u.rate))
	}
	return head, body
}

func losing(r rate) style {
	if r > 0 {
		return alarm
	}
	return normal
}

// list writes counts in one line: name, rate, total.
func list(all []tally) (l line) {
	for _, t := range all {
		st := normal
		if t.rate > 0 {
			st = warning
		}
		l = append(l, span{fmt.Sprintf("  %s %s/s (%s)", clean(t.name), t.rate, count(t.total)), st})
	}
	return l
}

// reasonsTable returns the lines of what was dropped, or left to the kernel.
func reasonsTable(title string, all []tally) (head, body []line) {
	head = []line{text(header, "%-32s%8s%8s", title, "/S", "TOTAL")}
	for _, t := range all {
		st := normal
		if t.rate > 0 {
			st = strong
		}
		body = append(body, text(st, "%-32s%8s%8s", clean(t.name), t.rate, count(t.total)))
	}
	if len(all) == 0 {
		body = append(body, text(faint, "none"))
	}
	return head, body
}
