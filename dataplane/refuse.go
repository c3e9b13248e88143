package dataplane

import (
	"director/packet"
	"director/service"
)

// noConnection decides on a packet to a service that has no connection and begins
// none.
func (x *scheduler) noConnection(f *packet.Frame, j *job, s *service.Service) {
	if x.engine.defence.crowded.Load() && f.Proto != packet.ProtoUDP && !closes(f) {
		x.readmit(f, j, s)
		return
	}
	x.out.refuse(f)
}

// noServer decides on a client's packet for which there is no server (ip_vs_leave).
// The client gets an answer.
func (x *scheduler) noServer(f *packet.Frame, j *job, s *service.Service) {
	if x.bypass(f, j, s) {
		return
	}
	if s.Port == ftpControl && f.DstPort != ftpControl {
		x.out.refuse(f) // a packet of an unknown FTP data connection
		return
	}
	x.out.complain(f, f.Dst, packet.ICMPUnreachable, packet.CodePort, 0)
	x.drop(f, packet.NoServer)
}

// closes reports whether a packet ends a connection at once, so that nobody answers it.
func closes(f *packet.Frame) bool {
	return f.Proto == packet.ProtoTCP && f.TCPFlags&packet.RST != 0 ||
		f.Proto == packet.ProtoSCTP && f.Chunk == packet.ChunkAbort
}
