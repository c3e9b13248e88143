package top

import (
	"bytes"
	"context"
	"io"
)

// Print writes a block of lines at each interval until ctx ends. The lines are plain text
// without control sequences, and as wide as necessary. A line says when the director stops
// answering and when it answers again.
func Print(ctx context.Context, w io.Writer, o Options) error {
	m := newModel(o.Interval)
	for r := range o.ask(ctx) {
		known := m.fault != nil && r.err != nil && m.fault.Error() == r.err.Error()
		m.answer(r.sample, r.err, r.at)
		if known {
			continue
		}
		if _, err := w.Write(m.block()); err != nil {
			return err
		}
	}
	return nil
}

// PrintOnce writes one such block, with rates over one interval. It fails if the director
// does not answer.
func PrintOnce(ctx context.Context, w io.Writer, o Options) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m := newModel(o.Interval)
	answers := 0
	for r := range o.ask(ctx) {
		if r.err != nil {
			return r.err
		}
		m.answer(r.sample, nil, r.at)
		if answers++; answers == 2 {
			_, err := w.Write(m.block())
			return err
		}
	}
	return ctx.Err()
}

// block returns all views as text, followed by an empty line.
func (m *model) block() []byte {
	var b bytes.Buffer
	if m.fault != nil {
		b.WriteString(m.status().String() + "\n")
		return b.Bytes()
	}
	lines := m.summary()
	if len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1] // the status is empty
	}
	for v := range views {
		head, body := m.table(v, 0)
		lines = append(append(append(lines, nil), head...), body...)
	}
	for _, l := range append(lines, nil) {
		b.WriteString(l.String() + "\n")
	}
	return b.Bytes()
}
