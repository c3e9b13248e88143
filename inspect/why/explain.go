package why

import (
	"net/netip"

	"director/conntrack"
	"director/neigh"
	"director/packet"
	"director/sched"
	"director/service"
)

// outcome is the result of one packet: the world before it and after it.
type outcome struct {
	*world
	frame  packet.Frame // as it arrived
	flow   *packet.Flow // the flow by which its connection is found; nil: none
	before moment
	after  moment
}

// explain processes a frame that arrives on an interface, and describes what happened.
func (w *world) explain(data []byte, iface int) (*Explanation, error) {
	e := &Explanation{Packet: w.describe(data, iface, nil)}
	if link := w.view().Hops.Interfaces()[iface]; len(data) >= packet.EthLen && packet.MAC(data[6:12]) == link.MAC {
		e.Verdict = Verdict{Action: Skip, Text: "the director sent it itself: the source address is the director's"}
		return e, nil
	}
	o := &outcome{world: w, frame: parse(data)}
	o.flow = flowOf(&o.frame)
	w.picks, w.resolver.Wanted = nil, nil
	o.before = w.look(o.flow)
	w.ports[iface].Push(data)
	if _, err := w.worker.Step(); err != nil {
		return nil, err
	}
	o.after = w.look(o.flow)

	server := o.server()
	e.Service = o.service(server)
	e.Connection = o.connected(e.Service)
	e.Template = o.template(server)
	e.Scheduler = o.scheduler()
	e.Server = o.describeServer(server)
	e.NextHop = o.nextHop(server)
	e.Verdict = o.verdict()
	o.sent(e, server)
	o.note(e)
	return e, nil
}

// flowOf returns the flow by which the connection of a packet is found. For an ICMP error
// it is the flow of the connection that the error is about.
func flowOf(f *packet.Frame) *packet.Flow {
	var q packet.Quote
	switch {
	case f.L3 == 0:
		return nil
	case f.Proto == packet.ProtoTCP || f.Proto == packet.ProtoUDP || f.Proto == packet.ProtoSCTP:
		if packet.Parse(f) != packet.None {
			return nil // its ports are not known
		}
		flow := f.Flow
		return &flow
	case packet.ParseQuote(f, &q) && q.Outer.L3 != 0:
		return &q.Flow
	case packet.ParseQuote(f, &q):
		flow := q.Reverse()
		return &flow
	}
	return nil
}

// server returns the real server of the packet, or nil. It is the server for which the
// packet was counted, else that of its connection, else that of the scheduler's answer.
func (o *outcome) server() *service.Server {
	servers := o.view().Services.Servers()
	for id, t := range o.after.tallies {
		if t != o.before.tallies[id] {
			return servers[id]
		}
	}
	if c := o.before.found; c != nil && o.after.found != nil {
		return servers[c.conn.Server()]
	}
	if n := len(o.picks); n > 0 && o.picks[n-1].Chosen >= 0 {
		p := o.picks[n-1]
		for _, s := range servers {
			c := p.Servers[p.Chosen]
			if s != nil && s.Of == p.Of.Key && s.Addr == c.Addr && s.Port == c.Port {
				return s
			}
		}
	}
	return nil
}

// connection returns the connection to which the packet belongs after it was processed,
// else the one that was found before.
func (o *outcome) connection() *found {
	if o.after.found != nil {
		return o.after.found
	}
	return o.before.found
}

// answer reports whether the packet is from the server's side.
func (o *outcome) answer() bool {
	if c := o.connection(); c != nil {
		return c.out
	}
	return o.flow != nil && o.view().FromServer(o.flow.Dst)
}

func (o *outcome) service(server *service.Server) *Service {
	services := o.view().Services
	var s *service.Service
	switch {
	case len(o.picks) > 0:
		s = o.picks[0].Of
	case server != nil && server != services.Bypass():
		if s = o.serviceOf(server); s == nil {
			missing := describeService(&service.Service{Spec: service.Spec{Key: server.Of}})
			missing.Missing = true
			return missing
		}
	case o.flow != nil && !o.answer():
		s = services.Lookup(o.flow)
	}
	if s != nil {
		return describeService(s)
	}
	if o.flow == nil || o.answer() {
		return nil
	}
	return &Service{Proto: protoName(o.flow.Proto), Address: endpoint(o.flow.Dst, o.flow.DstPort), Missing: true}
}

// serviceOf returns the service of a server, or nil if the service was removed.
func (o *outcome) serviceOf(server *service.Server) *service.Service {
	for _, s := range o.view().Services.Services() {
		if s.Key == server.Of {
			return s
		}
	}
	return nil
}

func describeService(s *service.Service) *Service {
	d := &Service{Mark: s.Mark, Scheduler: s.Scheduler, Persistent: s.Persistent, OnePacket: s.OnePacket}
	if s.Mark == 0 {
		d.Proto, d.Address = protoName(s.Proto), endpoint(s.Addr, s.Port)
	}
	return d
}

// connected describes the connection that was found and the one that was begun.
func (o *outcome) connected(s *Service) *Connection {
	before, after := o.before.found, o.after.found
	if o.flow == nil || before == nil && after == nil && (s == nil || s.Missing) && !o.answer() {
		return nil
	}
	d := &Connection{Found: before != nil, Answer: o.answer()}
	d.Begun = after != nil && (before == nil || before.conn.Ref() != after.conn.Ref())
	d.Untracked = o.after.counts.Untracked != o.before.counts.Untracked
	c := o.connection()
	if c == nil {
		return d
	}
	k := c.conn.Key()
	d.Proto = protoName(k.Proto)
	d.Client, d.Virtual = endpoint(k.Client, k.ClientPort), endpoint(k.Virtual, k.VirtualPort)
	if before != nil {
		d.State = before.conn.State().String()
		d.Removed = !o.view().Services.Member(before.conn.Server())
		d.Unanswered = d.Begun && before.conn.State().HalfOpen()
		d.UnknownPort = before.conn.Is(conntrack.AnyPort)
	}
	if after != nil {
		d.After = after.conn.State().String()
		d.Expires = o.seconds(o.shared.Conns().Deadline(&after.conn))
	}
	return d
}

// seconds returns the time until a deadline in seconds.
func (o *outcome) seconds(deadline int64) float64 {
	return max(0, float64(deadline-o.shared.Now())/second)
}

// template describes the template of the packet's connection, or the template that was
// used for a packet without a connection.
func (o *outcome) template(server *service.Server) *Template {
	var used *conntrack.Record
	discarded := false
	for ref, info := range o.after.templates {
		was, there := o.before.templates[ref]
		discarded = discarded || there && info.Is(conntrack.Hidden) && !was.Is(conntrack.Hidden)
		// A packet that got a server without the scheduler got it from a template.
		remembered := len(o.picks) == 0 && server != nil && info.Server == server.ID && o.connection() == nil && o.client(info.Client, server)
		if !info.Is(conntrack.Hidden) && (!there || was.Deadline != info.Deadline || remembered) {
			used = &info
		}
	}
	if c := o.connection(); c != nil {
		if info, ok := o.shared.Conns().Parent(&c.conn); ok && info.Is(conntrack.Template) {
			used = &info
		}
	}
	if used == nil && !discarded {
		return nil
	}
	d := &Template{Discarded: discarded}
	if used != nil {
		_, d.Found = o.before.templates[used.ID]
		d.Client, d.Server = used.Client.Netip(), endpoint(used.Addr, used.Port)
		d.Expires = o.seconds(used.Deadline)
	}
	return d
}

// client reports whether a template with this address, of the server's service, is for
// the packet's sender. A template is for all clients with the same network bits.
func (o *outcome) client(a packet.Addr, server *service.Server) bool {
	s := o.serviceOf(server)
	return s != nil && o.flow != nil && a.V4() == o.flow.Src.V4()&^s.HostMask
}

// scheduler describes the last choice of a scheduler.
func (o *outcome) scheduler() *Scheduler {
	if len(o.picks) == 0 {
		return nil
	}
	p := o.picks[len(o.picks)-1]
	d := &Scheduler{Name: p.Of.Scheduler, Rule: sched.Rule(p.Of.Scheduler), Standing: p.Standing, Chosen: p.Chosen, Servers: []Candidate{}}
	for _, c := range p.Servers {
		one := Candidate{
			Address: endpoint(c.Addr, c.Port), Weight: c.Weight, Active: c.Active, Inactive: c.Inactive,
			Upper: c.Upper, Lower: c.Lower, Overloaded: c.Overloaded, Skipped: c.Skipped,
			Usable: c.Weight > 0 && !c.Overloaded && !c.Skipped,
		}
		if c.Scored {
			one.Score = &c.Score
		}
		d.Servers = append(d.Servers, one)
	}
	return d
}

func (o *outcome) describeServer(s *service.Server) *Server {
	if s == nil {
		return nil
	}
	services := o.view().Services
	if s == services.Bypass() {
		return &Server{Method: service.Bypass.String()}
	}
	d := &Server{Address: endpoint(s.Addr, s.Port), Weight: s.Weight(), Removed: !services.Member(s.ID)}
	if c := o.connection(); c != nil && c.conn.Server() == s.ID {
		addr, port := c.conn.Target()
		d.Address, d.Method = endpoint(addr, port), service.Method(c.conn.Method()).String()
		return d
	}
	if one := o.serviceOf(s); one != nil {
		one.Lock()
		choice, ok := one.Member(s.ID)
		one.Unlock()
		if ok {
			d.Method = choice.Method.String()
		}
	}
	return d
}

// nextHop describes the next hop to the server or, for an answer, to the client.
func (o *outcome) nextHop(s *service.Server) *NextHop {
	if s == nil || o.flow == nil {
		return nil
	}
	v := o.view()
	hop, dst := v.Hops.Server(s.ID), s.Addr
	if o.answer() || s == v.Services.Bypass() {
		hop, dst = v.Hops.Route(o.frame.Dst), o.frame.Dst
	}
	return o.describeHop(hop, dst)
}

func (o *outcome) describeHop(hop *neigh.Hop, dst packet.Addr) *NextHop {
	d := &NextHop{}
	if hop.Reason != packet.None {
		d.Reason = hop.Reason.String()
	}
	switch hop.Reason {
	case packet.NoRoute, packet.LocalServer:
		d.Address = dst.Netip()
		return d
	}
	next := hop.NextHop(dst)
	d.Address, d.Gateway = next.Netip(), next != dst
	d.Interface, d.MTU = o.name(int(hop.Interface)), hop.MTU
	if hop.Reason == packet.None {
		d.MAC = hop.Dst.String()
	}
	return d
}

// sent describes the frames that were sent.
func (o *outcome) sent(e *Explanation, s *service.Server) {
	for iface, port := range o.ports {
		for _, data := range port.Take() {
			e.Sends = append(e.Sends, o.describe(data, iface, wrapping(data, s)))
		}
		o.hosts[iface].Take()
	}
	if e.Verdict.Action == Tx && len(e.Sends) > 0 {
		e.Verdict.Interface = e.Sends[0].Interface
		e.Verdict.Text = "by " + e.Verdict.Interface
	}
}

// wrapping returns the tunnel of a frame to a server, or nil.
func wrapping(data []byte, s *service.Server) *packet.Tunnel {
	if s == nil {
		return nil
	}
	f, t := parse(data), s.Tunnel()
	proto := map[packet.Encap]uint8{packet.IPIP: packet.ProtoIPIP, packet.GRE: packet.ProtoGRE, packet.GUE: packet.ProtoUDP}[t.Encap]
	if f.L3 == 0 || f.Dst != s.Addr || f.Proto != proto || f.Proto == packet.ProtoUDP && f.DstPort != t.Port {
		return nil
	}
	return &t
}

// address returns an endpoint as text, without the port if that is 0.
func address(ap netip.AddrPort) string {
	switch {
	case !ap.IsValid():
		return ""
	case ap.Port() == 0:
		return ap.Addr().String()
	}
	return ap.String()
}
