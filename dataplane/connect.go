package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
)

// connect makes the connection of f to the chosen server, which already counts it.
// parent is the persistence template of the connection, or nil.
func (x *scheduler) connect(f *packet.Frame, j *job, s *service.Service, to service.Choice, port uint16, parent *conntrack.Conn) {
	x.tracker.removeOld(j)
	r := x.tracker.describe(f, s, to, port)
	if parent != nil {
		r.Parent = parent.Ref()
	}
	if s.OnePacket && f.Proto == packet.ProtoUDP {
		conntrack.Imagine(r, &j.conn)
		to.Release(r.State.Active())
		if parent != nil {
			x.engine.conns.Renew(parent, x.now)
		}
		x.tracker.unlisted(f, j, to.Server)
		return
	}
	if !x.tracker.enter(f, j, to) {
		x.crowded(f, j, s)
	}
}

// scheduleError begins the connection of the packet that an ICMP error quotes
// (schedule_icmp). Earlier packets of the connection went through another director.
// flow is the flow of a client's packet of the connection.
func (x *scheduler) scheduleError(f *packet.Frame, j *job, flow *packet.Flow, hash uint64) bool {
	s := x.view.Services.Lookup(flow)
	if s == nil || s.Mark == 0 && s.Port != flow.DstPort || x.view.badSource(flow.Src) {
		return false
	}
	choice, ok := s.Schedule(flow, x.now, false)
	if !ok {
		return false
	}
	port := choice.Port
	if port == 0 {
		port = flow.DstPort
	}
	state := conntrack.TCPNone
	if flow.Proto == packet.ProtoUDP {
		state = conntrack.UDP
	}
	x.tracker.record = conntrack.Record{
		Key:    conntrack.KeyOf(flow),
		Target: conntrack.Target{Addr: choice.Addr, Port: port, Method: uint8(choice.Method), Server: choice.ID},
		State:  state, Mark: s.Mark, Order: x.now, Deadline: x.now + scheduledByError,
	}
	x.tracker.record.Kind = helped(choice.Method, &x.tracker.record.Key)
	return x.tracker.admit(hash, &j.conn, choice.Server, byAll) != conntrack.Full
}

// beginsActive reports whether a connection is counted as active from its first
// packet on, with any forwarding method.
func (x *scheduler) beginsActive(f *packet.Frame) bool {
	return x.machine[conntrack.In][event(f)][conntrack.TCPNone].Active()
}
