package service

// Adopt adds a service with its servers, in the form in which another draft has returned
// it from Fold. So it need not check again what concerns this service alone. It returns
// false, and adds nothing, if the service exists already or if an address does not fit the
// other services. AddService and AddServer then say why. The registry must be a draft. It
// keeps the slice of the servers, which must not change.
func (r *Registry) Adopt(spec Spec) bool {
	if r.lookup(spec.Key) != nil || spec.Mark == 0 && r.remotes(spec.Addr) > 0 {
		return false
	}
	servers := spec.Servers
	spec.Servers = nil
	for i := range servers {
		if servers[i].Method != DR && r.serves(servers[i].Addr) > 0 {
			return false
		}
	}
	s := &registered{Service: &Service{Spec: spec}, folded: servers}
	r.services = append(r.services, s)
	r.byKey[spec.Key] = s
	if spec.Mark == 0 {
		r.vips[spec.Addr]++
	}
	for i := range servers {
		r.enlist(nil, &servers[i])
	}
	return true
}

// Fold returns a service as configured, for Adopt. The registry must be a draft. It keeps
// the slice of the servers, which must not change, and needs little memory for the service
// until the service is changed.
func (r *Registry) Fold(k Key) Spec {
	s := r.lookup(k)
	spec := s.configured()
	s.folded, s.members, s.places = spec.Servers, stack[member]{}, nil
	return spec
}

// unfolded returns a service that is to be changed, or nil if there is none.
func (r *Registry) unfolded(k Key) *registered {
	s := r.lookup(k)
	if s != nil && s.folded != nil {
		for i := range s.folded {
			s.push(member{spec: s.folded[i]})
		}
		s.folded = nil
	}
	return s
}
