package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
)

// tracker finds the connections of packets, runs their state machines, and admits
// new connections to the table.
type tracker struct {
	*step
	out      *output
	record   conntrack.Record  // of the connection that is admitted
	victim   conntrack.Conn    // the connection that was evicted for it
	template conntrack.Conn    // of the current persistent client
	ended    [2]conntrack.Conn // connections that were removed with a replaced one
}

// hash computes the hash of the client's side.
func (t *tracker) hash(f *packet.Frame, j *job) {
	j.replaces = false
	if j.out {
		j.hash = t.engine.conns.HashOut(&f.Flow)
	} else {
		j.hash = t.engine.conns.HashIn(&f.Flow)
	}
}

// track finds the connection of a frame and runs its state machine. It reports
// false when the frame has no connection, or was dropped.
func (t *tracker) track(f *packet.Frame, j *job) bool {
	if j.out {
		j.found = t.engine.conns.FindOut(j.hash, &f.Flow, &j.conn)
	} else {
		j.found = t.engine.conns.FindIn(j.hash, &f.Flow, &j.conn)
	}
	if !j.found || j.out && !t.out.leaves(f) || !t.keeps(f, j) {
		return false
	}
	t.use(f, j)
	return true
}

// keeps reports whether a packet stays with the connection that was found for it. If
// not, the packet is dropped, or begins another connection.
func (t *tracker) keeps(f *packet.Frame, j *job) bool {
	if t.view.Services.Member(j.conn.Server()) && (j.out || !asksForNew(f)) {
		return true
	}
	return t.keepsInDoubt(f, j)
}

// keepsInDoubt is keeps for a packet that asks to begin a connection, or whose server
// was removed (ip_vs_in).
func (t *tracker) keepsInDoubt(f *packet.Frame, j *job) bool {
	t.know(j.conn.Server())
	server, member := t.server(&j.conn), t.view.Services.Member(j.conn.Server())
	switch {
	case j.out:
		return true // answers pass as long as the connection exists
	case asksForNew(f) && t.view.Sysctl.ExpireNodestConn && member && server.Weight() == 0:
	case asksForNew(f) && t.reusable(&j.conn):
	case asksForNew(f) && member && server.Skipped() && t.unanswered(&j.conn):
	case member:
		return true
	case !t.view.Sysctl.ExpireNodestConn:
		t.drop(f, packet.ServerRemoved)
		return false
	}
	j.old, j.found, j.replaces = j.conn.Ref(), false, true
	return false
}

// reusable reports whether a client that asks to begin a connection begins a new one,
// because c is over (is_new_conn_expected in ip_vs_core.c).
func (t *tracker) reusable(c *conntrack.Conn) bool {
	mode := t.view.Sysctl.ConnReuseMode
	if mode == 0 || t.engine.conns.Controlled(c) {
		return false
	}
	switch c.State() {
	case conntrack.TCPTimeWait, conntrack.TCPClose, conntrack.SCTPClosed:
		return true
	case conntrack.TCPFinWait: // for a server whose answers do not pass through the director
		return mode&2 != 0 && service.Method(c.Method()) != service.NAT
	}
	return false
}

// unanswered reports whether c is a connection of which no server knows: the client asks
// again because nobody has answered. If packets cannot reach the server of c, the client
// gets another one.
// The data connection of an FTP session stays with the server of the session.
func (t *tracker) unanswered(c *conntrack.Conn) bool {
	parent, controlled := t.engine.conns.Parent(c)
	return c.State().HalfOpen() && (!controlled || parent.Is(conntrack.Template))
}

// use counts f for its connection and runs the state machine for it.
func (t *tracker) use(f *packet.Frame, j *job) {
	t.count(f, j)
	t.observe(f, j)
}

// count counts f for the server of its connection.
func (t *tracker) count(f *packet.Frame, j *job) {
	n := t.tally(j.conn.Server())
	if j.out {
		n.OutPkts++
		n.OutBytes += uint64(f.IPLen)
	} else {
		n.InPkts++
		n.InBytes += uint64(f.IPLen)
	}
}

// observe runs the state machine of j's connection for f and corrects the server's
// number of active connections.
func (t *tracker) observe(f *packet.Frame, j *job) {
	if !t.believes(f, j) {
		return
	}
	c := t.engine.conns.Observe(&j.conn, j.direction(), event(f), t.now, t.machine, &t.view.Timeouts)
	t.change(j, c)
	if c.Opened {
		t.progress(f, j)
	}
}

// change does the accounting for what changed of j's connection.
func (t *tracker) change(j *job, c conntrack.Change) {
	if c.Active != 0 {
		t.server(&j.conn).Load.Active.Add(int64(c.Active))
	}
	if c.Crowd() {
		t.sign(j.conn.Server()).crowds.Move(c)
	}
}

// progress counts for its server that a half-open connection is half-open no longer.
func (t *tracker) progress(f *packet.Frame, j *job) {
	if ev := event(f); j.out && (ev == conntrack.Reset || ev == conntrack.ChunkAbort) {
		t.sign(j.conn.Server()).Refused++
	} else {
		t.sign(j.conn.Server()).Completed++
	}
}

// believes reports whether f may change the state of j's connection. With --tcp-strict, a
// reset that its receiver would not accept must not: anybody can send one. Nor a segment
// without any flag of a connection, which ends it in IPVS. If the answers do not pass
// through the director, it cannot know what the receiver accepts.
func (t *tracker) believes(f *packet.Frame, j *job) bool {
	if !t.engine.conns.TracksStreams() || f.Proto != packet.ProtoTCP || !j.masquerading() {
		return true
	}
	l4 := f.Transport()
	s := conntrack.Segment{Seq: l4.Seq(), Ack: l4.Ack(), Flags: f.TCPFlags}
	s.Len = uint32(max(0, len(l4)-l4.TCPHeaderLen()) + int(f.TCPFlags&packet.FIN) + int(f.TCPFlags&packet.SYN)/packet.SYN)
	if j.conn.Is(conntrack.Helper) && !j.out {
		s.Flags &^= packet.ACK // it counts the text that the helper has edited
	}
	expected := t.engine.conns.Expected(&j.conn, j.direction(), s)
	if !expected {
		t.add(doubtedCount, 1)
	}
	return expected && f.TCPFlags&(packet.RST|packet.SYN|packet.FIN|packet.ACK) != 0
}

// removeOld removes the connection that j's packet replaces. The scheduler has still
// counted the connection when it chose a server. Later steps do not find it any more.
func (t *tracker) removeOld(j *job) {
	if !j.replaces {
		return
	}
	j.replaces = false
	n := t.engine.conns.Remove(j.old, &t.ended)
	for i := range n {
		t.settle(&t.ended[i])
	}
	if n == 0 { // it controls other connections
		t.engine.conns.Hide(j.old)
	}
}

// answers reports whether a packet to an address in a firewall mark's prefix is a
// real server's answer. If so, it sets the connection of j.
func (t *tracker) answers(f *packet.Frame, j *job) bool {
	if !t.view.MayAnswer(f.Dst) || !t.view.Services.Masquerades(f.Src) {
		return false
	}
	hash := t.engine.conns.HashOut(&f.Flow)
	if !t.engine.conns.FindOut(hash, &f.Flow, &j.conn) {
		return false
	}
	j.out, j.hash, j.found = true, hash, true
	return true
}
