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
