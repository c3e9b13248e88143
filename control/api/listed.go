package api

import (
	"slices"

	"director/control"
	"director/dataplane/sysctl"
	"director/packet"
	"director/service"
)

// listed returns a service with its counts. Its servers are in the order in which they
// were added, so that a client can send the answer back. Without counts it has no Stats
// and Rates.
func listed(c *control.Service, counts bool) Service {
	s := ServiceOf(&c.Spec)
	s.Failing = c.Health.Suspect
	if counts {
		s.Stats, s.Rates = statsOf(c.Stats), ratesOf(c.Rates)
	}
	s.Servers = make([]Server, len(c.Servers))
	for i := range c.Servers {
		s.Servers[len(s.Servers)-1-i] = listedServer(&c.Servers[i], counts)
	}
	return s
}

func listedServer(from *control.Server, counts bool) Server {
	to := ServerOf(&from.ServerSpec)
	to.Active, to.Inactive, to.Persistent = &from.Active, &from.Inactive, &from.Persistent
	to.Overloaded = from.Overloaded
	if from.Way != packet.None {
		to.Unreachable = from.Way.String()
	}
	to.Skipped, to.Suspect = from.Skipped, from.Health.Suspect
	if from.Signs != (service.Signs{}) {
		signs := Signs(from.Signs)
		to.Signs = &signs
	}
	if counts {
		to.Stats, to.Rates = statsOf(from.Stats), ratesOf(from.Rates)
	}
	return to
}

func statsOf(s control.Stats) *Stats {
	return &Stats{Conns: s.Conns, InPkts: s.InPkts, OutPkts: s.OutPkts, InBytes: s.InBytes, OutBytes: s.OutBytes}
}

func ratesOf(r control.Rates) *Rates {
	return &Rates{Conns: r.CPS, InPkts: r.InPPS, OutPkts: r.OutPPS, InBytes: r.InBPS, OutBytes: r.OutBPS}
}

// Control returns the service as package control lists it. Its servers are appended to
// room.
func (s *Service) Control(room []control.Server) (control.Service, error) {
	spec, err := s.Spec()
	if err != nil {
		return control.Service{}, err
	}
	c := control.Service{Spec: spec, Servers: slices.Grow(room, len(s.Servers))}
	for i := range slices.Backward(s.Servers) {
		from := &s.Servers[i]
		to := control.Server{ServerSpec: spec.Servers[i], Overloaded: from.Overloaded,
			Active: deref(from.Active), Inactive: deref(from.Inactive), Persistent: deref(from.Persistent)}
		to.Way, to.Skipped, to.Health.Suspect = reasonOf(from.Unreachable), from.Skipped, from.Suspect
		if from.Signs != nil {
			to.Signs = service.Signs(*from.Signs)
		}
		to.Stats, to.Rates = from.Stats.control(), from.Rates.control()
		c.Servers = append(c.Servers, to)
	}
	c.Health.Suspect = s.Failing
	c.Stats, c.Rates, c.Spec.Servers = s.Stats.control(), s.Rates.control(), nil
	return c, nil
}

// reasonOf returns the reason with this name. A name of a newer version is a reason, too, so
// it must not be taken for none.
func reasonOf(name string) packet.Reason {
	for r := range packet.Reasons {
		if name == r.String() {
			return r
		}
	}
	if name != "" {
		return packet.NoRoute
	}
	return packet.None
}

func deref(n *uint32) uint32 {
	if n == nil {
		return 0
	}
	return *n
}

func (s *Stats) control() control.Stats {
	if s == nil {
		return control.Stats{}
	}
	return control.Stats{Conns: s.Conns, InPkts: s.InPkts, OutPkts: s.OutPkts, InBytes: s.InBytes, OutBytes: s.OutBytes}
}

func (r *Rates) control() control.Rates {
	s := (*Stats)(r).control()
	return control.Rates{CPS: s.Conns, InPPS: s.InPkts, OutPPS: s.OutPkts, InBPS: s.InBytes, OutBPS: s.OutBytes}
}

// sysctls returns the values of all sysctls by name, in the form of /proc/sys.
func sysctls(v sysctl.Values) map[string]string {
	all := map[string]string{}
	for _, name := range sysctl.Names() {
		all[name], _ = v.Get(name)
	}
	return all
}
