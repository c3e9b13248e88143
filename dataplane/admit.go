package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
)

// census says which counts a new entry of the table is part of, beside the load of
// its server.
type census uint8

const (
	// byAll: the worker's count of connections and the server's statistics.
	byAll census = iota
	// byWorker: the worker's count only. In IPVS the statistics of a server do not
	// include the data connections that an application helper makes: ip_vs_ftp.c
	// never calls ip_vs_conn_stats.
	byWorker
	// asTemplate: none of them. The server counts its templates by references.
	asTemplate
)

// describe makes the record of the connection that f begins to a server's port.
func (t *tracker) describe(f *packet.Frame, s *service.Service, to service.Choice, port uint16) *conntrack.Record {
	r, state := &t.record, t.first(f, to.Method)
	r.Reset(conntrack.KeyOf(&f.Flow),
		conntrack.Target{Addr: to.Addr, Port: port, Method: uint8(to.Method), Server: to.ID})
	r.State, r.Packets, r.Mark = state, 1, s.Mark
	r.Order, r.Deadline = t.now, t.now+t.view.Timeouts[state]
	r.Kind = helped(to.Method, &r.Key)
	return r
}

// first returns the state of a connection after its first packet, f.
func (t *tracker) first(f *packet.Frame, m service.Method) conntrack.State {
	dir := conntrack.InOnly
	if m == service.NAT {
		dir = conntrack.In
	}
	return t.machine[dir][event(f)][conntrack.TCPNone]
}

// active says whether the connection that f begins is active from its first packet on.
func (t *tracker) active(f *packet.Frame) service.Active {
	return service.Active{
		Masqueraded: t.first(f, service.NAT).Active(),
		Otherwise:   t.first(f, service.DR).Active(),
	}
}

// enter admits the connection of t.record, unless another worker has already inserted
// it. It reports whether f has a connection now. If not, the connection is no longer
// counted to the server.
func (t *tracker) enter(f *packet.Frame, j *job, to service.Choice) bool {
	switch t.admit(j.hash, &j.conn, to.Server, byAll) {
	case conntrack.Existed:
		t.joins(f, j)
	case conntrack.Full:
		return false
	default:
		t.begun(f, j)
		t.believes(f, j) // the stream begins; the state is that of the record
		if t.record.Parent != 0 && conntrack.Assures(t.record.State) {
			t.engine.conns.Vouch(&t.template)
		}
	}
	return true
}

// admit inserts the connection of t.record, which is counted to the load of server
// to already, and does the accounting that follows. conn receives the connection
// that the table has now, unless the outcome is Full.
//
// The caller decides what happens to the packet. If the outcome is Existed, it may
// count the packet for the existing connection, which may have another server.
func (t *tracker) admit(hash uint64, conn *conntrack.Conn, to *service.Server, by census) conntrack.Outcome {
	outcome := t.engine.conns.Insert(hash, &t.record, conn, &t.victim)
	t.account(outcome, conn, to, by)
	return outcome
}

// admitOver is admit for j's connection, which replaces a connection of the client's
// that goes to another server.
func (t *tracker) admitOver(j *job, to *service.Server, by census) conntrack.Outcome {
	outcome := t.engine.conns.Insert(j.hash, &t.record, &j.conn, &t.victim)
	if outcome == conntrack.Existed && j.conn.Server() != to.ID {
		j.old, j.replaces = j.conn.Ref(), true
		t.removeOld(j)
		outcome = t.engine.conns.Insert(j.hash, &t.record, &j.conn, &t.victim)
	}
	t.account(outcome, &j.conn, to, by)
	return outcome
}

// account does the accounting for the outcome of inserting t.record, which conn is now.
func (t *tracker) account(outcome conntrack.Outcome, conn *conntrack.Conn, to *service.Server, by census) {
	t.settleVictim(outcome)
	switch outcome {
	case conntrack.Inserted, conntrack.Evicted:
		t.admitted(to, by)
		t.sign(to.ID).crowds.Add(conn, 1)
	case conntrack.Existed, conntrack.Full:
		to.Release(t.record.State.Active())
	}
}

// admitTemplate inserts the template of t.record into t.template. The caller holds
// the lock of the service, and must call settleVictim after it has released the lock,
// because the victim may belong to the same service. The load of server to does not
// change, because it counts the connection that is made next.
func (t *tracker) admitTemplate(hash uint64, to *service.Server) conntrack.Outcome {
	outcome := t.engine.conns.Insert(hash, &t.record, &t.template, &t.victim)
	if outcome == conntrack.Inserted || outcome == conntrack.Evicted {
		t.admitted(to, asTemplate)
		t.sign(to.ID).crowds.Add(&t.template, 1)
	}
	return outcome
}

// admitted counts a new entry of the table for its server.
func (t *tracker) admitted(to *service.Server, by census) {
	t.know(to.ID)
	switch by {
	case asTemplate:
		to.Ref()
		return
	case byAll:
		t.tally(to.ID).Conns++
		if t.record.State.HalfOpen() {
			t.sign(to.ID).Opened++
		}
	}
	t.add(connCount, 1)
}

// settleVictim removes the connection that was evicted for a new one from the counts
// of its server.
func (t *tracker) settleVictim(outcome conntrack.Outcome) {
	if outcome == conntrack.Evicted {
		t.settle(&t.victim)
	}
}

// joins lets f continue with the connection in j, which another worker has just
// inserted for another packet.
func (t *tracker) joins(f *packet.Frame, j *job) {
	j.found = true
	t.know(j.conn.Server())
	t.use(f, j)
}

// begun counts the first packet of a connection that is new in the table.
func (t *tracker) begun(f *packet.Frame, j *job) {
	j.found = true
	t.count(f, j)
}

// unlisted counts a connection without an entry, and its only packet.
func (t *tracker) unlisted(f *packet.Frame, j *job, to *service.Server) {
	t.admitted(to, byAll)
	t.begun(f, j)
}
