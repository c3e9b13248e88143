package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
)

// scheduledByError is the time-out in nanoseconds of a connection that an ICMP error
// began. No packet of the connection has set its state yet (ip_vs_conn_new in
// ip_vs_conn.c).
const scheduledByError = 3 * second

// scheduleError begins the connection of the packet that an ICMP error quotes
// (schedule_icmp). Earlier packets of the connection went through another director.
// client is the flow of a client's packet of the connection. It reports whether j has a
// connection now. Otherwise f is dropped, or is left to the host.
func (x *scheduler) scheduleError(f *packet.Frame, j *job, client *packet.Flow, hash uint64) bool {
	s := x.view.Services.Lookup(client)
	switch {
	case s == nil || x.view.badSource(client.Src):
	case x.engine.defence.drops():
		x.drop(f, packet.DropPacket)
	case client.SrcPort == ftpData:
	case s.Engine != "":
		x.drop(f, packet.NoCallID) // an error carries none
	case s.Persistent != 0:
		return x.persistError(f, j, s, client, hash)
	case s.Mark == 0 && s.Port != client.DstPort:
		x.noServerForError(f, s, client)
	default:
		to, ok := s.Schedule(client, x.now, service.Active{})
		if !ok {
			x.noServerForError(f, s, client)
			return false
		}
		port := to.Port
		if port == 0 {
			port = client.DstPort
		}
		return x.connectError(f, j, s, client, hash, to, port, nil)
	}
	return false
}

// persistError is scheduleError for a service with persistence.
func (x *scheduler) persistError(f *packet.Frame, j *job, s *service.Service, client *packet.Flow, hash uint64) bool {
	key := templateKey(client, s)
	to, outcome := x.persistentChoice(opening{flow: client}, s, &key, "", nil)
	switch {
	case outcome == conntrack.Full && to.Server == nil:
		x.noServerForError(f, s, client)
		return false
	case outcome == conntrack.Full:
		to.Release(false)
		x.drop(f, packet.TableFull)
		return false
	}
	return x.connectError(f, j, s, client, hash, to, persistentPort(client, s, to), &x.tracker.template)
}

// noServerForError drops an error for whose connection there is no server, as ip_vs_leave
// does. It is never answered.
func (x *scheduler) noServerForError(f *packet.Frame, s *service.Service, client *packet.Flow) {
	if s.Port != ftpControl || client.DstPort == ftpControl {
		x.drop(f, packet.NoServer)
	}
}

// connectError makes the connection to the chosen server, which already counts it.
func (x *scheduler) connectError(f *packet.Frame, j *job, s *service.Service, client *packet.Flow, hash uint64, to service.Choice, port uint16, parent *conntrack.Conn) bool {
	r := &x.tracker.record
	r.Reset(conntrack.KeyOf(client), conntrack.Target{Addr: to.Addr, Port: port, Method: uint8(to.Method), Server: to.ID})
	r.State, r.Mark, r.Order, r.Deadline = conntrack.TCPNone, s.Mark, x.now, x.now+scheduledByError
	if client.Proto == packet.ProtoUDP {
		r.State = conntrack.UDP
	}
	r.Kind = helped(to.Method, &r.Key)
	if parent != nil {
		r.Parent = parent.Ref()
	}
	if s.OnePacket && client.Proto == packet.ProtoUDP {
		conntrack.Imagine(r, &j.conn)
		to.Release(false)
		if parent != nil {
			x.engine.conns.Renew(parent, x.now)
		}
		x.tracker.admitted(to.Server, byAll)
		return true
	}
	if x.tracker.admit(hash, &j.conn, to.Server, byAll) == conntrack.Full {
		x.drop(f, packet.TableFull)
		return false
	}
	return true
}
