package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
)

// ftpData is the port from which FTP servers send data. Packets from it never begin a
// connection.
const ftpData = packet.FTPDataPort

// schedule decides on the frames without a connection. A client's first packet gets
// a real server; any other packet is answered, dropped or left to the kernel.
func (b *batch) schedule(rx *packet.Batch) {
	if !b.missed {
		return
	}
	b.expect(rx)
	for i := range rx.N {
		f, j := &rx.Frames[i], &b.jobs[i]
		if f.Verdict != packet.Pending || j.found {
			continue
		}
		if j.out || b.tracker.answers(f, j) {
			b.scheduler.notAClient(f, j)
			continue
		}
		b.scheduler.begin(f, j)
	}
}

// expect prefetches the parts of the connection table for the connections that the
// batch may begin.
func (b *batch) expect(rx *packet.Batch) {
	n := 0
	for i := range rx.N {
		if j := &b.jobs[i]; rx.Frames[i].Verdict == packet.Pending && !j.found && !j.out {
			b.hashes[n] = j.hash
			n++
		}
	}
	b.engine.conns.Expect(b.hashes[:n])
}

// scheduler decides on packets that have no connection. It chooses a real server and
// begins a connection, or decides what else happens to the packet.
type scheduler struct {
	*step
	out     *output
	tracker *tracker
}

// begin makes a connection for a client's packet, as ip_vs_schedule does. If the
// packet does not begin a connection, begin decides what happens to it.
func (x *scheduler) begin(f *packet.Frame, j *job) {
	if x.foundLate(f, j) {
		return
	}
	s := x.view.Services.Lookup(&f.Flow)
	switch {
	case s == nil:
		x.toHost(f, packet.NoService)
	case !x.begins(f):
		x.noConnection(f, j, s)
	case x.view.badSource(f.Src):
		x.drop(f, packet.BadSource)
	case x.engine.defence.drops():
		x.drop(f, packet.DropPacket)
	case f.SrcPort == ftpData:
		x.out.refuse(f)
	case s.Persistent != 0:
		x.persist(f, j, s)
	case s.Mark == 0 && s.Port != f.DstPort:
		x.noServer(f, j, s) // a service on port 0 is for persistent clients only
	default:
		x.place(f, j, s)
	}
	x.tracker.removeOld(j)
}

// foundLate looks the connection up again. An earlier frame of the batch may have
// made it, or a helper may have made a connection that waits for the client.
func (x *scheduler) foundLate(f *packet.Frame, j *job) bool {
	var waiting conntrack.Conn
	waits := !j.replaces && x.tracker.awaited(f, &waiting)
	switch found := x.engine.conns.FindIn(j.hash, &f.Flow, &j.conn); {
	case found && j.replaces && j.conn.Ref() == j.old, !found && !waits:
		return false
	case !found:
		j.conn = waiting
	}
	j.replaces = false
	j.found = true
	if x.tracker.keeps(f, j) && x.tracker.fill(f, j) {
		x.tracker.use(f, j)
		return true
	}
	return f.Verdict != packet.Pending
}

// begins reports whether a packet may begin a connection.
func (x *scheduler) begins(f *packet.Frame) bool {
	switch f.Proto {
	case packet.ProtoTCP:
		return f.TCPFlags&packet.RST == 0 && (f.TCPFlags&packet.SYN != 0 || x.view.Sysctl.SloppyTCP)
	case packet.ProtoSCTP:
		return f.Chunk != packet.ChunkAbort && (f.Chunk == packet.ChunkInit || x.view.Sysctl.SloppySCTP)
	}
	return true
}

// place lets the service's scheduler choose the server of a new connection.
func (x *scheduler) place(f *packet.Frame, j *job, s *service.Service) {
	choice, ok := s.Schedule(&f.Flow, x.now, x.tracker.active(f))
	if !ok {
		x.noServer(f, j, s)
		return
	}
	port := choice.Port
	if port == 0 {
		port = f.DstPort
	}
	x.connect(f, j, s, choice, port, nil)
}
