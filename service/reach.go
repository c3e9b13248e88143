package service

// Skip sets which servers get no new connections because packets cannot reach them.
// unreachable says so by the number of a server; nil means that packets can reach all of
// them. If packets can reach none of a service's servers that have a weight, none is
// skipped. A client's packet then waits for the next hop or is lost, as in IPVS. Otherwise
// it would be refused for a failure that may be short.
func (r *Registry) Skip(unreachable func(id uint32) bool) {
	if unreachable == nil {
		if !r.skips {
			return
		}
		unreachable = func(uint32) bool { return false }
		defer func() { r.skips = false }()
	}
	r.skips = true
	for _, s := range r.services {
		members := s.members.values()
		reached := false
		for i := range members {
			reached = reached || members[i].spec.Weight > 0 && !unreachable(members[i].ID)
		}
		s.pool.skip(members, func(id uint32) bool { return reached && unreachable(id) })
	}
}

// skip sets which of the members are skipped. It takes the lock only if something changes:
// a scheduler must see one state during a choice.
func (p *pool) skip(members []member, skips func(id uint32) bool) {
	changes := false
	for i := range members {
		changes = changes || members[i].Load.Skipped.Load() != skips(members[i].ID)
	}
	if !changes {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spare = nil
	for i := range members {
		members[i].Load.Skipped.Store(skips(members[i].ID))
	}
}

// Skipped reports whether the server gets no new connections because packets cannot reach
// it, although they can reach another server of the service.
func (s *Server) Skipped() bool { return s.Load.Skipped.Load() }
