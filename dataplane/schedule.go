package dataplane

import (
	"director/conntrack"
	"director/packet"
)

// schedule decides on the frames without a connection: a client's first packet
// gets a real server, anything else is not ours.
func (w *Worker) schedule(b *packet.Batch) {
	for i := range b.N {
		f, j := &b.Frames[i], &w.jobs[i]
		if f.Verdict != packet.Pending || j.found {
			continue
		}
		if j.out {
			w.leave(f, packet.NoConnection)
			continue
		}
		w.begin(f, j)
	}
}

// begin makes a connection for a client's packet, as ip_vs_schedule does. A
// TCP segment that cannot begin one is the kernel's, whose stack answers it
// with a reset.
func (w *Worker) begin(f *packet.Frame, j *job) {
	// A frame before it in the batch may have made the connection.
	if w.shared.Conns.FindIn(j.hash, &f.Flow, &j.conn) {
		j.found = true
		w.observe(f, j)
		return
	}
	s := w.view.Services.Lookup(&f.Flow)
	if s == nil {
		w.leave(f, packet.NoService)
		return
	}
	if f.Proto == packet.ProtoTCP && f.TCPFlags&(packet.SYN|packet.RST) != packet.SYN {
		w.leave(f, packet.NoConnection)
		return
	}
	if w.badSource(f.Src) {
		w.drop(f, packet.BadSource)
		return
	}
	// Both kinds of client direction lead from the first state to the same.
	state := conntrack.UDP
	if f.Proto == packet.ProtoTCP {
		state = conntrack.Next(conntrack.TCPNone, conntrack.In, event(f))
	}
	server := s.Schedule(&f.Flow, w.now, state.Active())
	if server == nil {
		w.drop(f, packet.NoServer)
		return
	}
	to := conntrack.Target{Addr: server.Addr, Port: server.Port, Method: uint8(server.Method), Server: server.ID}
	deadline := w.now + w.view.Timeouts[state]
	switch w.shared.Conns.Insert(j.hash, &f.Flow, &to, state, deadline, &j.conn) {
	case conntrack.Inserted:
		j.found = true
		w.counters.now[connCount]++
	case conntrack.Existed: // another worker was faster
		server.Release(state.Active())
		j.found = true
		w.observe(f, j)
	case conntrack.Full:
		server.Release(state.Active())
		w.drop(f, packet.TableFull)
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
