package dataplane

import (
	"director/conntrack"
	"director/dataplane/app/sip"
	"director/packet"
	"director/service"
)

// ftpControl is the port of FTP control connections. Persistence of a service on this
// port applies to all ports of the virtual address, to include the data connections.
const ftpControl = packet.FTPPort

// persist makes a connection to the server in the client's template. Without a
// template the scheduler chooses a server, and a new template stores it
// (ip_vs_sched_persist).
func (x *scheduler) persist(f *packet.Frame, j *job, s *service.Service) {
	key := templateKey(&f.Flow, s)
	data, ok := engineData(f, s)
	if !ok {
		x.drop(f, packet.NoCallID)
		return
	}
	o := opening{&f.Flow, x.tracker.active(f)}
	choice, outcome := x.persistentChoice(o, s, &key, data, nil)
	switch {
	case outcome == conntrack.Full && choice.Server == nil:
		x.noServer(f, j, s)
		return
	case outcome == conntrack.Full:
		choice.Release(o.active.By(choice.Method))
		x.crowded(f, j, s)
		return
	}
	x.connect(f, j, s, choice, persistentPort(&f.Flow, s, choice), &x.tracker.template)
}

// persistentPort returns the server's port for a connection with a template.
func persistentPort(client *packet.Flow, s *service.Service, to service.Choice) uint16 {
	if client.DstPort == s.Port && to.Port != 0 {
		return to.Port
	}
	return client.DstPort
}

// engineData returns the key of a service with a persistence engine: the Call-ID of a
// SIP datagram. It returns false for a packet without a Call-ID and for every TCP
// segment (ip_vs_sip_fill_param in ip_vs_pe_sip.c).
func engineData(f *packet.Frame, s *service.Service) (data string, ok bool) {
	if s.Engine == "" {
		return "", true
	}
	if f.Proto != packet.ProtoUDP {
		return "", false
	}
	id, ok := sip.CallID(f.Transport()[packet.UDPLen:])
	return string(id), ok
}

// templateKey returns the key of a client's template:
//
//	client 0, VIP port       a service of one port
//	client 0, VIP 0          FTP's control port, or a service of every port
//	client 0, no VIP         a firewall mark, any protocol
func templateKey(f *packet.Flow, s *service.Service) conntrack.Key {
	k := conntrack.Key{
		Client:  packet.AddrFrom4(f.Src.V4() &^ s.HostMask),
		Virtual: f.Dst,
		Proto:   f.Proto,
	}
	switch {
	case s.Mark != 0:
		k.Virtual, k.Proto = packet.AddrFrom4(0), 0
	case f.DstPort == s.Port && s.Port != ftpControl:
		k.VirtualPort = f.DstPort
	}
	return k
}

// opening is the beginning of a connection: the flow of a packet of its client, and whether
// it begins as an active one.
type opening struct {
	flow   *packet.Flow
	active service.Active
}

// persistentChoice returns the server for a client's new connection and counts the
// connection to it. Its template is then in x.tracker.template. If there is no
// server, the outcome is Full and the choice is empty. If there is no room for a
// template, the outcome is Full. only is the required server, which began the
// connection itself, or nil.
func (x *scheduler) persistentChoice(o opening, s *service.Service, k *conntrack.Key, data string, only *service.Masqueraded) (to service.Choice, outcome conntrack.Outcome) {
	// Under one lock, so that connections that a client begins on two workers go to
	// one server.
	s.Lock()
	to, outcome = x.persistentChoiceLocked(o, s, k, data, only)
	s.Unlock()
	x.tracker.settleVictim(outcome)
	return to, outcome
}

// persistentChoiceLocked is persistentChoice under the lock of s. It does not account
// for the connection that a new template evicted.
func (x *scheduler) persistentChoiceLocked(o opening, s *service.Service, k *conntrack.Key, data string, only *service.Masqueraded) (to service.Choice, outcome conntrack.Outcome) {
	conns, template := x.engine.conns, &x.tracker.template
	hash := conns.HashTemplate(k, s.Mark, data)
	if conns.FindTemplate(hash, k, s.Mark, data, template) {
		to, ok := s.Member(template.Server())
		if ok && (only == nil || only.Server == to.ID) && !x.quiescent(to.Server) {
			to.Bind(o.active.By(to.Method))
			return to, conntrack.Existed
		}
		conns.Invalidate(template)
	}
	var ok bool
	if only != nil {
		to, ok = s.Member(only.Server)
	} else {
		to, ok = s.Choose(o.flow, x.now)
	}
	if !ok {
		return service.Choice{}, conntrack.Full
	}
	to.Bind(o.active.By(to.Method))
	r := &x.tracker.record
	*r = conntrack.Record{
		Key:     *k,
		Target:  conntrack.Target{Addr: to.Addr, Method: uint8(to.Method), Server: to.ID},
		Kind:    conntrack.Template,
		State:   conntrack.TemplateNone,
		Timeout: s.Persistent, Mark: s.Mark, Order: x.now, Deadline: x.now + int64(s.Persistent)*second,
	}
	if k.VirtualPort != 0 {
		r.Port = to.Port
	}
	if data != "" {
		r.Kind |= conntrack.Engine
		r.Data = data
	}
	return to, x.tracker.admitTemplate(hash, to.Server)
}

// quiescent reports whether a client does not stay with its server: the server has weight 0
// and the sysctl says that then its clients leave it, or packets cannot reach it. For the
// latter the sysctl does not matter: a server with weight 0 still serves its clients, but
// this one cannot.
func (x *scheduler) quiescent(s *service.Server) bool {
	return x.view.Sysctl.ExpireQuiescentTemplate && s.Weight() == 0 || s.Skipped()
}
