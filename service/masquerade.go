package service

import (
	"maps"
	"slices"

	"director/packet"
)

type endpoint struct {
	addr  packet.Addr
	port  uint16
	proto uint8
}

// Masqueraded is a real server whose answers pass through the director, found by the
// source of an answer.
type Masqueraded struct {
	Server uint32
	Of     Key  // the service to which it was added last
	Sole   bool // whether Of is the only service that the answer can belong to
}

// Masquerades reports whether a is the address of a real server whose answers pass
// through the director.
func (t *Table) Masquerades(a packet.Addr) bool {
	_, ok := t.masquerading.get(endpoint{addr: a})
	return ok
}

// Masqueraded returns the real server that sent f, if its answers pass through the
// director, and otherwise nil. It does not return servers of firewall marks.
func (t *Table) Masqueraded(f *packet.Flow) *Masqueraded {
	m, _ := t.masqueraded.get(endpoint{f.Src, f.SrcPort, f.Proto})
	return m
}

// Answers reports whether f comes from the address and port of a real server whose answers
// pass through the director. The server of a firewall mark answers with any protocol
// (ip_vs_has_real_service in ip_vs_ctl.c).
func (t *Table) Answers(f *packet.Flow) bool {
	_, marked := t.masqueraded.get(endpoint{f.Src, f.SrcPort, 0})
	return marked || t.Masqueraded(f) != nil
}

// parts is the number of parts of a shared map: a change copies one of them.
const parts = 256

// view is a map of which tables have immutable copies. A copy costs little.
type view[V any] [parts]map[endpoint]V

func (e endpoint) part() uint8 {
	h := (e.addr.Hi ^ e.addr.Lo ^ uint64(e.port)<<16 ^ uint64(e.proto)) * 0x9e3779b97f4a7c15
	return uint8(h >> 56)
}

func (v *view[V]) get(e endpoint) (V, bool) {
	m, ok := v[e.part()][e]
	return m, ok
}

// shared is a map whose views are given to tables. Its owner changes it.
type shared[V any] struct {
	view[V]
	seen [parts]bool // whether a table has the part, so that it must not change
}

// own returns the part of e, which may be changed.
func (s *shared[V]) own(e endpoint) map[endpoint]V {
	at := e.part()
	if s.view[at] == nil || s.seen[at] {
		s.view[at] = maps.Clone(s.view[at])
		if s.view[at] == nil {
			s.view[at] = map[endpoint]V{}
		}
		s.seen[at] = false
	}
	return s.view[at]
}

// share returns the present contents.
func (s *shared[V]) share() view[V] {
	for i := range s.seen {
		s.seen[i] = true
	}
	return s.view
}

// masquerade adds a server whose answers pass through the director. Those of a mark's server
// can have any protocol, so it has protocol 0.
func (r *Registry) masquerade(s *Server) {
	e := endpoint{s.Addr, s.Port, s.Of.Proto}
	if m, ok := r.masqueraded.get(e); ok {
		r.others[e] = append(r.others[e], m.Server)
	}
	r.tellUsers(e, s.ID)
}

// unmasquerade undoes masquerade.
func (r *Registry) unmasquerade(s *Server) {
	e := endpoint{s.Addr, s.Port, s.Of.Proto}
	m, _ := r.masqueraded.get(e)
	last, others := m.Server, r.others[e]
	switch n := len(others); {
	case last != s.ID:
		others = slices.DeleteFunc(others, func(id uint32) bool { return id == s.ID })
	case n > 0:
		last, others = others[n-1], others[:n-1]
	default:
		delete(r.masqueraded.own(e), e)
		return
	}
	if r.others[e] = others; len(others) == 0 {
		delete(r.others, e)
	}
	r.tellUsers(e, last)
}

// tellUsers updates what the next table says of the servers that answer from e. last is
// the number of the one that was added last, which ip_vs_find_real_service finds.
func (r *Registry) tellUsers(e endpoint, last uint32) {
	was, _ := r.masqueraded.get(e)
	of := r.servers[last].Of
	now := Masqueraded{Server: last, Of: of, Sole: len(r.others[e]) == 0 && of.Port != 0}
	if was == nil || *was != now {
		r.masqueraded.own(e)[e] = &now
	}
}

// countAnswers counts the addresses of the servers whose answers pass through the
// director. The workers' engine may have found some since the last call: see Resume.
func (r *Registry) countAnswers() {
	for _, s := range r.servers {
		if s != nil && !s.record.counted && s.Answers() {
			s.record.counted = true
			r.addAnswering(s.Addr, 1)
		}
	}
}

// addAnswering adds n to the number of servers with that address whose answers pass.
func (r *Registry) addAnswering(a packet.Addr, n int) {
	e := endpoint{addr: a}
	own := r.masquerading.own(e)
	if own[e] += n; own[e] == 0 {
		delete(own, e)
	}
}

// enlist notes what follows from the settings of a server that is in a service now.
func (r *Registry) enlist(s *Server, spec *ServerSpec) {
	if spec.Method != DR {
		r.remote[spec.Addr]++
	}
	if r.options.Draft {
		return
	}
	r.member[s.ID], r.tunnels[s.ID] = true, spec.Method == TUN
	if spec.Method == NAT {
		r.masquerade(s)
	}
}

// delist undoes enlist.
func (r *Registry) delist(s *Server, spec *ServerSpec) {
	if spec.Method != DR {
		decrement(r.remote, spec.Addr)
	}
	if r.options.Draft {
		return
	}
	r.member[s.ID], r.tunnels[s.ID] = false, false
	if spec.Method == NAT {
		r.unmasquerade(s)
	}
}
