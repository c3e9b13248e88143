package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
)

// track finds the connection of each frame and runs its state machine.
func (w *Worker) track(b *packet.Batch) {
	conns := w.shared.Conns
	for i := range b.N {
		f, j := &b.Frames[i], &w.jobs[i]
		if f.Verdict != packet.Pending {
			continue
		}
		if j.out {
			j.found = conns.FindOut(j.hash, &f.Flow, &j.conn) &&
				service.Method(j.conn.Method()) == service.NAT
		} else {
			j.found = conns.FindIn(j.hash, &f.Flow, &j.conn)
		}
		if j.found {
			w.observe(f, j)
		}
	}
}

// observe runs the state machine of j's connection for f and moves the
// server's active connections by the outcome.
func (w *Worker) observe(f *packet.Frame, j *job) {
	moved := w.shared.Conns.Observe(&j.conn, direction(j), event(f), w.now, &w.view.Timeouts)
	if moved != 0 {
		w.server(&j.conn).Load.Active.Add(int64(moved))
	}
}

// direction tells the state machine which side sent the packet, and whether it
// will see the other side at all.
func direction(j *job) conntrack.Direction {
	switch {
	case j.out:
		return conntrack.Out
	case service.Method(j.conn.Method()) == service.NAT:
		return conntrack.In
	}
	return conntrack.InOnly
}

func event(f *packet.Frame) conntrack.Event {
	if f.Proto == packet.ProtoTCP {
		return conntrack.TCPEvent(f.TCPFlags)
	}
	return conntrack.Datagram
}
