package service

import "slices"

// Specs returns the services as configured, in the order in which they were added.
func (r *Registry) Specs() []Spec {
	if len(r.services) == 0 {
		return nil
	}
	specs := make([]Spec, 0, len(r.services))
	for _, s := range r.services {
		specs = append(specs, s.configured())
	}
	return specs
}

// Spec returns a service as configured, or nil if there is none.
func (r *Registry) Spec(k Key) *Spec {
	s := r.lookup(k)
	if s == nil {
		return nil
	}
	return new(s.configured())
}

func (s *registered) configured() Spec {
	spec := s.Spec
	if s.folded != nil {
		spec.Servers = s.folded
		return spec
	}
	if n := len(s.members.values()); n > 0 {
		spec.Servers = make([]ServerSpec, 0, n)
	}
	for _, m := range slices.Backward(s.members.values()) {
		spec.Servers = append(spec.Servers, m.spec)
	}
	return spec
}
