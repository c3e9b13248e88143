package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
)

// ftpData is the port that FTP servers send from. Packets from it belong to a
// connection that is known or to none.
const ftpData = 20

// schedule decides on the frames without a connection: a client's first packet
// gets a real server, anything else is not ours.
func (w *Worker) schedule(b *packet.Batch) {
	if !w.missed {
		return
	}
	w.expect(b)
	for i := range b.N {
		f, j := &b.Frames[i], &w.jobs[i]
		if f.Verdict != packet.Pending || j.found {
			continue
		}
		if j.out || w.answers(f, j) {
			w.unknown(f, j)
			continue
		}
		w.begin(f, j)
	}
}

// expect prepares the connection table for what the batch may begin.
func (w *Worker) expect(b *packet.Batch) {
	n := 0
	for i := range b.N {
		if j := &w.jobs[i]; b.Frames[i].Verdict == packet.Pending && !j.found && !j.out {
			w.hashes[n] = j.hash
			n++
		}
	}
	w.shared.conns.Expect(w.hashes[:n])
}

// mayAnswer reports whether a packet to an address of a firewall mark's prefix may
// be meant for a client after all: the prefix may hold clients too.
func (w *Worker) mayAnswer(f *packet.Frame) bool {
	return w.view.Services.Marked(f.Dst) && !w.view.Services.VIP(f.Dst)
}

// answers looks whether such a packet is a real server's answer.
func (w *Worker) answers(f *packet.Frame, j *job) bool {
	if !w.mayAnswer(f) || !w.view.Services.Masquerades(f.Src) {
		return false
	}
	hash := w.shared.conns.HashOut(&f.Flow)
	if !w.shared.conns.FindOut(hash, &f.Flow, &j.conn) {
		return false
	}
	j.out, j.hash, j.found = true, hash, true
	return true
}

// begin makes a connection for a client's packet, as ip_vs_schedule does, or
// says what becomes of one that does not begin any.
func (w *Worker) begin(f *packet.Frame, j *job) {
	if w.foundLate(f, j) {
		return
	}
	s := w.view.Services.Lookup(&f.Flow)
	switch {
	case s == nil:
		w.leave(f, packet.NoService)
	case !w.begins(f):
		w.orphan(f, j, s)
	case w.badSource(f.Src):
		w.drop(f, packet.BadSource)
	case w.shared.defence.drops():
		w.drop(f, packet.DropPacket)
	case f.SrcPort == ftpData:
		w.refuse(f)
	case s.Persistent != 0:
		w.persist(f, j, s)
	case s.Mark == 0 && s.Port != f.DstPort:
		w.noServer(f, j, s) // a service of every port takes persistent clients only
	default:
		w.place(f, j, s)
	}
	w.retire(j)
}

// foundLate looks once more: a frame before this one in the batch may have made
// its connection, or a helper one that waits for the client.
func (w *Worker) foundLate(f *packet.Frame, j *job) bool {
	var waiting conntrack.Conn
	waits := !j.retire && w.awaited(f, &waiting)
	switch found := w.shared.conns.FindIn(j.hash, &f.Flow, &j.conn); {
	case found && j.retire && j.conn.Ref() == j.old, !found && !waits:
		return false
	case !found:
		j.conn = waiting
	}
	j.retire = false
	j.found = true
	if w.keeps(f, j) && w.fill(f, j) {
		w.use(f, j)
		return true
	}
	return f.Verdict != packet.Pending
}

// begins reports whether a packet may begin a connection.
func (w *Worker) begins(f *packet.Frame) bool {
	switch f.Proto {
	case packet.ProtoTCP:
		return f.TCPFlags&packet.RST == 0 && (f.TCPFlags&packet.SYN != 0 || w.view.Sysctl.SloppyTCP)
	case packet.ProtoSCTP:
		return f.Chunk != packet.ChunkAbort && (f.Chunk == packet.ChunkInit || w.view.Sysctl.SloppySCTP)
	}
	return true
}

// place has the service's scheduler choose the server of a new connection.
func (w *Worker) place(f *packet.Frame, j *job, s *service.Service) {
	choice, ok := s.Schedule(&f.Flow, w.now, w.beginsActive(f))
	if !ok {
		w.noServer(f, j, s)
		return
	}
	port := choice.Port
	if port == 0 {
		port = f.DstPort
	}
	w.connect(f, j, s, choice, port, nil)
}

// beginsActive reports whether the connection of a first packet counts as an
// active one from its beginning, whatever the method.
func (w *Worker) beginsActive(f *packet.Frame) bool {
	return w.machine[conntrack.In][event(f)][conntrack.TCPNone].Active()
}

// connect makes the connection of f to a server that was chosen, and to which
// it is counted. parent is the persistence template it comes from, or nil.
func (w *Worker) connect(f *packet.Frame, j *job, s *service.Service, to service.Choice, port uint16, parent *conntrack.Conn) {
	w.retire(j)
	r := w.describe(f, s, to, port)
	if parent != nil {
		r.Parent = parent.Ref()
	}
	if s.OnePacket && f.Proto == packet.ProtoUDP {
		conntrack.Imagine(r, &j.conn)
		to.Release(r.State.Active())
		if parent != nil {
			w.shared.conns.Renew(parent, w.now)
		}
		w.unlisted(f, j, to.Server)
		return
	}
	if !w.enter(f, j, to) {
		w.crowded(f, j, s)
	}
}

// enter admits the connection of w.record, or finds that another worker was
// faster, and reports whether f has a connection now. If not, it is no longer
// counted to the server.
func (w *Worker) enter(f *packet.Frame, j *job, to service.Choice) bool {
	switch w.admit(j.hash, &j.conn, to.Server, byAll) {
	case conntrack.Existed:
		w.joins(f, j)
	case conntrack.Full:
		return false
	default:
		w.begun(f, j)
	}
	return true
}

// describe makes the record of the connection that f begins to a server's port.
func (w *Worker) describe(f *packet.Frame, s *service.Service, to service.Choice, port uint16) *conntrack.Record {
	dir := conntrack.InOnly
	if to.Method == service.NAT {
		dir = conntrack.In
	}
	state := w.machine[dir][event(f)][conntrack.TCPNone]
	w.record = conntrack.Record{
		Key:    conntrack.KeyOf(&f.Flow),
		Target: conntrack.Target{Addr: to.Addr, Port: port, Method: uint8(to.Method), Server: to.ID},
		State:  state, Packets: 1, Mark: s.Mark, Order: w.now, Deadline: w.now + w.view.Timeouts[state],
	}
	w.record.Kind = helped(to.Method, &w.record.Key)
	return &w.record
}

// retire removes the connection that j's packet does not go on with. The scheduler
// has still counted it; what follows finds it gone.
func (w *Worker) retire(j *job) {
	if !j.retire {
		return
	}
	j.retire = false
	n := w.shared.conns.Remove(j.old, &w.ended)
	for i := range n {
		w.shared.Settle(&w.ended[i])
	}
	if n == 0 { // it controls others
		w.shared.conns.Hide(j.old)
	}
}

// badSource reports whether no client can have the address: this host's own,
// a virtual one, or one that never appears on the wire as a source (RFC 1122
// §3.2.1.3: 0/8, 127/8, and multicast, class E and broadcast from 224 on). The
// kernel would have dropped such a packet as a martian.
func (w *Worker) badSource(a packet.Addr) bool {
	top := a.V4() >> 24
	return top == 0 || top == 127 || top >= 224 || w.view.Services.VIP(a) || w.view.Hops.Local(a)
}
