package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
)

// job contains the results of the stages for one frame.
//
// conn is last: a hit writes only what is before it, which is one cache line.
type job struct {
	hash     uint64        // hash of the client's side
	out      bool          // whether the addresses are those of a real server's answer
	found    bool          // conn is the frame's connection
	replaces bool          // whether the frame replaces old, which must be removed
	old      conntrack.Ref // the connection that was found and is over
	conn     conntrack.Conn
}

// masquerading reports whether j's connection is forwarded by NAT.
func (j *job) masquerading() bool { return service.Method(j.conn.Method()) == service.NAT }

// direction returns the direction for the state machine: which side sent the packet,
// and whether the packets of the other side pass through the director.
func (j *job) direction() conntrack.Direction {
	switch {
	case j.out:
		return conntrack.Out
	case j.masquerading():
		return conntrack.In
	}
	return conntrack.InOnly
}

// event returns the event of a packet for the state machine.
func event(f *packet.Frame) conntrack.Event {
	switch f.Proto {
	case packet.ProtoTCP:
		return conntrack.TCPEvent(f.TCPFlags)
	case packet.ProtoSCTP:
		return conntrack.SCTPEvent(f.Chunk)
	}
	return conntrack.Datagram
}

// asksForNew reports whether a packet asks to begin a connection: a segment with SYN,
// with any other flags, or an INIT of SCTP.
func asksForNew(f *packet.Frame) bool {
	return f.TCPFlags&packet.SYN != 0 || f.Chunk == packet.ChunkInit && f.Proto == packet.ProtoSCTP
}

// helped returns conntrack.Helper for a new connection whose dialogue a helper reads: a
// masqueraded one to FTP's control port, whatever the port of its service
// (tcp_app_conn_bind in ip_vs_proto_tcp.c).
func helped(method service.Method, k *conntrack.Key) conntrack.Kind {
	if method == service.NAT && k.Proto == packet.ProtoTCP && k.VirtualPort == ftpControl {
		return conntrack.Helper
	}
	return 0
}
