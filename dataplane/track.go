package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
)

// track takes the packets of connections that need nothing else all the way, and
// finds the connections of the others and runs their state machines. The frames
// came in by interface in.
func (w *Worker) track(b *packet.Batch, in uint8) {
	w.missed, w.rest, w.stay = false, false, 0
	frames := b.Frames[:b.N]
	for i := range frames {
		f, j := &frames[i], &w.jobs[i]
		if f.Verdict != packet.Pending {
			continue
		}
		done := false
		if f.Plain && j.out {
			done = w.hitOut(f, w.hints[i])
		} else if f.Plain {
			done = w.hitIn(f, w.hints[i])
		}
		if !done {
			w.rest = true
			w.find(f, j)
		} else if f.Out == in {
			w.stay++
		}
	}
}

// find finds the connection of a frame and runs its state machine.
func (w *Worker) find(f *packet.Frame, j *job) {
	if j.out {
		j.found = w.shared.conns.FindOut(j.hash, &f.Flow, &j.conn)
	} else {
		j.found = w.shared.conns.FindIn(j.hash, &f.Flow, &j.conn)
	}
	if j.found && w.keeps(f, j) {
		w.use(f, j)
	} else {
		w.missed = true
	}
}

// keeps reports whether a packet goes on with the connection that was found
// for it. If not, the packet is dropped, or begins another.
func (w *Worker) keeps(f *packet.Frame, j *job) bool {
	if w.view.Services.Member(j.conn.Server()) && (j.out || !fresh(f)) {
		return true
	}
	return w.keepsStill(f, j)
}

// know takes up the newest view if this step's does not know a real server, which
// was added since.
func (w *Worker) know(server uint32) {
	if w.view.Services.Server(server) == nil {
		w.refresh()
	}
}

// keepsStill is keeps where there is doubt: the packet asks to begin a
// connection, or the connection's server was removed (ip_vs_in).
func (w *Worker) keepsStill(f *packet.Frame, j *job) bool {
	w.know(j.conn.Server())
	server, member := w.server(&j.conn), w.view.Services.Member(j.conn.Server())
	switch {
	case j.out:
		return true // answers pass as long as there is a connection
	case fresh(f) && w.view.Sysctl.ExpireNodestConn && member && server.Weight() == 0:
	case fresh(f) && w.reusable(&j.conn):
	case member:
		return true
	case !w.view.Sysctl.ExpireNodestConn:
		w.drop(f, packet.ServerRemoved)
		return false
	}
	j.old, j.found, j.retire = j.conn.Ref(), false, true
	return false
}

// reusable reports whether a client that asks to begin a connection means
// another one than c, which is over (is_new_conn_expected in ip_vs_core.c).
func (w *Worker) reusable(c *conntrack.Conn) bool {
	mode := w.view.Sysctl.ConnReuseMode
	if mode == 0 || w.shared.conns.Controlled(c) {
		return false
	}
	switch c.State() {
	case conntrack.TCPTimeWait, conntrack.TCPClose, conntrack.SCTPClosed:
		return true
	case conntrack.TCPFinWait: // of a server whose answers are not seen
		return mode&2 != 0 && service.Method(c.Method()) != service.NAT
	}
	return false
}

// use counts f for its connection and runs the state machine.
func (w *Worker) use(f *packet.Frame, j *job) {
	w.count(f, j)
	w.observe(f, j)
}

// count counts f for the server of its connection.
func (w *Worker) count(f *packet.Frame, j *job) {
	t := w.tally(j.conn.Server())
	if j.out {
		t.OutPkts++
		t.OutBytes += uint64(f.IPLen)
	} else {
		t.InPkts++
		t.InBytes += uint64(f.IPLen)
	}
}

// observe runs the state machine of j's connection for f and moves the
// server's active connections by the outcome.
func (w *Worker) observe(f *packet.Frame, j *job) {
	moved := w.shared.conns.Observe(&j.conn, direction(j), event(f), w.now, w.machine, &w.view.Timeouts)
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
	case masquerading(j):
		return conntrack.In
	}
	return conntrack.InOnly
}

func event(f *packet.Frame) conntrack.Event {
	switch f.Proto {
	case packet.ProtoTCP:
		return conntrack.TCPEvent(f.TCPFlags)
	case packet.ProtoSCTP:
		return conntrack.SCTPEvent(f.Chunk)
	}
	return conntrack.Datagram
}
