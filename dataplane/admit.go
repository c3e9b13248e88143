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
	// byWorker: the worker's count only. IPVS does not count the data connections
	// that an application helper makes in a server's statistics: ip_vs_ftp.c never
	// calls ip_vs_conn_stats.
	byWorker
	// asTemplate: none of them. The server counts its templates by references.
	asTemplate
)

// admit inserts the connection of w.record, which is counted to the load of server
// to already, and does the accounting that follows. conn receives the connection
// that the table has now, unless the outcome is Full.
//
// The caller decides what becomes of the packet: who found Existed may count the
// packet for that connection, which may have another server.
func (w *Worker) admit(hash uint64, conn *conntrack.Conn, to *service.Server, by census) conntrack.Outcome {
	outcome := w.shared.conns.Insert(hash, &w.record, conn, &w.victim)
	w.account(outcome, to, by)
	return outcome
}

// admitOver is admit for j's connection, which replaces a connection of the client's
// that goes to another server.
func (w *Worker) admitOver(j *job, to *service.Server, by census) conntrack.Outcome {
	outcome := w.shared.conns.Insert(j.hash, &w.record, &j.conn, &w.victim)
	if outcome == conntrack.Existed && j.conn.Server() != to.ID {
		j.old, j.retire = j.conn.Ref(), true
		w.retire(j)
		outcome = w.shared.conns.Insert(j.hash, &w.record, &j.conn, &w.victim)
	}
	w.account(outcome, to, by)
	return outcome
}

// account does the accounting for the outcome of inserting w.record.
func (w *Worker) account(outcome conntrack.Outcome, to *service.Server, by census) {
	w.settleVictim(outcome)
	switch outcome {
	case conntrack.Inserted, conntrack.Evicted:
		w.admitted(to, by)
	case conntrack.Existed, conntrack.Full:
		to.Release(w.record.State.Active())
	}
}

// admitTemplate inserts the template of w.record into w.template. The caller holds
// the lock of the service. So it is the caller who calls settleVictim, without the
// lock: the victim may belong to the same service. The load of server to is for the
// connection that comes next, so it does not change.
func (w *Worker) admitTemplate(hash uint64, to *service.Server) conntrack.Outcome {
	outcome := w.shared.conns.Insert(hash, &w.record, &w.template, &w.victim)
	if outcome == conntrack.Inserted || outcome == conntrack.Evicted {
		w.admitted(to, asTemplate)
	}
	return outcome
}

// admitted counts a new entry of the table for its server.
func (w *Worker) admitted(to *service.Server, by census) {
	switch by {
	case asTemplate:
		to.Ref()
		return
	case byAll:
		w.know(to.ID)
		w.tally(to.ID).Conns++
	}
	w.add(connCount, 1)
}

// settleVictim takes the connection that was evicted for a new one off the counts
// of its server.
func (w *Worker) settleVictim(outcome conntrack.Outcome) {
	if outcome == conntrack.Evicted {
		w.shared.Settle(&w.victim)
	}
}

// joins has f go on with the connection in j, which another packet began: it was
// faster, on another worker.
func (w *Worker) joins(f *packet.Frame, j *job) {
	j.found = true
	w.know(j.conn.Server())
	w.use(f, j)
}

// begun counts the first packet of a connection that is new in the table.
func (w *Worker) begun(f *packet.Frame, j *job) {
	j.found = true
	w.count(f, j)
}

// unlisted counts a connection that is in no table, and its only packet.
func (w *Worker) unlisted(f *packet.Frame, j *job, to *service.Server) {
	w.admitted(to, byAll)
	w.begun(f, j)
}
