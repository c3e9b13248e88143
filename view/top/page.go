package top

import (
	"fmt"
	"strings"
	"time"
)

// view is the part of the screen below the summary.
type view uint8

const (
	services view = iota
	machinery
	reasons
	views
)

// model is what is displayed, and how the operator wants it.
type model struct {
	width, height int
	interval      time.Duration

	history history
	now     *snapshot // nil before the first answer
	fault   error     // why there is no newer answer; nil if there is one
	since   time.Time // when the director stopped answering
	note    string    // a recent event, displayed for noted more answers
	noted   int

	view    view
	servers bool // servers are displayed below their services
	sortBy  column
	reverse bool
	filter  string // lower case
	typing  bool   // the filter is being typed
	help    bool
	offset  int // how many lines of the view are scrolled off the top
}

func newModel(interval time.Duration) *model { return &model{interval: interval, servers: true} }

// answer takes the answer of a director, or the error if there was none, at a time.
func (m *model) answer(s sample, err error, at time.Time) {
	if err != nil {
		if m.fault == nil {
			m.since = at
		}
		m.fault = err
		return
	}
	now, restarted := m.history.take(s)
	switch {
	case restarted:
		m.note, m.noted = "the director was started anew at "+now.Started.Local().Format(time.TimeOnly)+": counts begin at 0", noteFor
	case m.fault != nil:
		m.note, m.noted = "the director answers again", noteFor
	default:
		m.noted--
	}
	m.now, m.fault = &now, nil
}

// noteFor is for how many answers a note is displayed.
const noteFor = 3

// status returns a line about the connection to the director, which may be empty.
func (m *model) status() line {
	switch {
	case m.fault != nil:
		return text(alarm, "NO ANSWER since %s: %s; asking every %s", m.since.Local().Format(time.TimeOnly), clean(m.fault.Error()), m.interval)
	case m.noted > 0:
		return text(warning, "%s", m.note)
	}
	return nil
}

// summary returns the lines above every view.
func (m *model) summary() []line {
	n := m.now
	if n == nil {
		return []line{text(strong, "director"), m.status()}
	}
	load := ""
	for _, w := range n.Rates.Workers {
		load += " " + percent(w.CPU)
	}
	all := &n.Total
	lines := []line{
		{{"director", strong}, {fmt.Sprintf("  %s  pid %d  up %s  every %s  %s",
			n.At.Local().Format(time.DateTime), n.PID, elapsed(n.uptime()), m.interval, clean(n.Version)), normal}},
		{{"table    ", normal}, {fmt.Sprintf("%d of %d (%s)", n.Table.Used, n.Table.Size, percent(n.fill())), filling(n.fill())},
			{fmt.Sprintf("  connections begun %s/s, ended %s/s", rate(all.Conns), rate(all.Expired)), normal}},
		{{fmt.Sprintf("frames/s in %s  out %s  to the kernel %s  dropped %s",
			rate(all.Rx), rate(all.Tx), rate(all.Host), rate(all.Drops)), normal},
			{fmt.Sprintf("  lost in queues %s", rate(n.Lost)), losing(n.Lost)}},
		text(normal, "workers  %d  frames to a batch %s  load%s", len(n.Rates.Workers), mean(all.Batch), load),
		append(text(normal, "drops  "), list(n.Drops)...),
	}
	if len(n.Drops) == 0 {
		lines[len(lines)-1] = text(normal, "drops    none")
	}
	return append(lines, m.status())
}

func filling(part float64) style {
	if part >= 0.9 {
		return alarm
	}
	return normal
}

// table returns the heading and the lines of a view.
func (m *model) table(v view, width int) (head, body []line) {
	switch v {
	case services:
		return m.servicesTable(width)
	case machinery:
		head, body = m.workersTable()
		more, queues := m.queuesTable()
		body = append(body, nil)
		return head, append(append(body, more...), queues...)
	default:
		head, body = reasonsTable("DROPPED, BY REASON", m.now.Drops)
		more, left := reasonsTable("LEFT TO THE KERNEL, BY REASON", m.now.Left)
		body = append(body, nil)
		return head, append(append(body, more...), left...)
	}
}

// screen returns exactly as many lines as the screen has, and none is too wide. It scrolls
// back if the view has become shorter.
func (m *model) screen() []line {
	lines := m.summary()
	var head, body []line
	switch {
	case m.help:
		head, body = nil, helpText()
	case m.now != nil:
		head, body = m.table(m.view, m.width)
		if m.view != services {
			body = m.filtered(body)
		}
	}
	lines = append(lines, head...)
	room := max(0, m.height-len(lines)-1)
	m.offset = max(0, min(m.offset, len(body)-room))
	shown := body[m.offset:min(len(body), m.offset+room)]
	lines = append(lines, shown...)
	lines = lines[:min(len(lines), max(0, m.height-1))]
	for len(lines) < m.height-1 {
		lines = append(lines, nil)
	}
	if m.height > 0 {
		lines = append(lines, m.footer(len(shown), len(body)))
	}
	for i, l := range lines {
		lines[i] = l.within(m.width)
	}
	return lines
}

// page returns how many lines of a view fit on the screen.
func (m *model) page() int {
	heads := 0
	if m.now != nil && !m.help {
		head, _ := m.table(m.view, m.width)
		heads = len(head)
	}
	return max(1, m.height-len(m.summary())-heads-1)
}

// filtered returns the lines that contain the filter.
func (m *model) filtered(body []line) (kept []line) {
	for _, l := range body {
		if strings.Contains(strings.ToLower(l.String()), m.filter) {
			kept = append(kept, l)
		}
	}
	return kept
}

// footer returns the keys that can be used, and the position in the view.
func (m *model) footer(shown, all int) line {
	if m.typing {
		return text(strong, "filter: %s_   enter: keep it, esc: show all", m.filter)
	}
	left := "q quit  tab view  s servers  / filter  ? help"
	if m.view == services && !m.help {
		left += "  by " + columnNames[m.sortBy]
		if m.reverse {
			left += ", reversed"
		}
	}
	right := ""
	if m.filter != "" {
		right = " [" + m.filter + "]"
	}
	if shown < all {
		right += fmt.Sprintf(" %d-%d of %d", m.offset+1, m.offset+shown, all)
	}
	return text(header, "%-*s%s", max(0, m.width-len(right)), cut(left, m.width-len(right)), right)
}
