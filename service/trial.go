package service

import "director/packet"

// Trial returns a registry that contains only the services of r that keys name. It
// refuses the changes of these services that r would refuse, so changes can be tried
// there first. r must not change meanwhile.
func (r *Registry) Trial(keys []Key) (*Registry, error) {
	t := NewRegistry(Options{Tunables: r.options.Tunables, Marks: r.options.Marks, Draft: true})
	t.under = r
	for _, k := range keys {
		s := r.lookup(k)
		if s == nil || t.lookup(k) != nil {
			continue
		}
		// Both registries count the service. The trial counts only what differs.
		spec := s.configured()
		if k.Mark == 0 {
			t.vips[k.Addr]--
		}
		for i := range spec.Servers {
			if spec.Servers[i].Method != DR {
				t.remote[spec.Servers[i].Addr]--
			}
		}
		if err := t.AddService(spec); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// serves returns the number of services with that address.
func (r *Registry) serves(a packet.Addr) int {
	if r.under != nil {
		return r.vips[a] + r.under.vips[a]
	}
	return r.vips[a]
}

// remotes returns the number of servers with that address that must not be the director.
func (r *Registry) remotes(a packet.Addr) int {
	if r.under != nil {
		return r.remote[a] + r.under.remote[a]
	}
	return r.remote[a]
}
