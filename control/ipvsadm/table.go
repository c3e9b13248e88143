package ipvsadm

import (
	"fmt"

	"director/packet"
	"director/sched"
	"director/service"
)

// Table is what the rules of flags files amount to.
type Table struct {
	services []service.Spec
	index    map[service.Key]int         // into services
	vips     map[packet.Addr]bool        // the services' addresses
	remote   map[packet.Addr]service.Key // servers that must not be the director, and one service of each
}

// NewTable returns a table without services.
func NewTable() *Table {
	return &Table{
		index:  map[service.Key]int{},
		vips:   map[packet.Addr]bool{},
		remote: map[packet.Addr]service.Key{},
	}
}

// Services returns the services in the order in which they were added. The
// slice is the table's own.
func (t *Table) Services() []service.Spec { return t.services }

// Apply carries out c, or says why that is not possible and changes nothing.
func (t *Table) Apply(c Command) error {
	switch {
	case c.Verb != AddService && c.Verb != AddServer:
		return fmt.Errorf("%s: only -A and -a may stand in a flags file", c.Verb)
	case c.Refused != nil:
		return c.Refused
	case c.Verb == AddService:
		return t.AddService(c.Service)
	}
	return t.AddServer(c.Service.Key, c.Server)
}

// AddService adds a service, as a Director does.
func (t *Table) AddService(s service.Spec) error {
	k := s.Key
	if _, ok := t.index[k]; ok {
		return fmt.Errorf("%s: %w", serviceArg(k, nil), service.ErrServiceExists)
	}
	if of, ok := t.remote[k.Addr]; ok {
		return fmt.Errorf("%s: this address is a real server of %s: only -g forwards to an address of the director",
			serviceArg(k, nil), serviceArg(of, nil))
	}
	t.index[k] = len(t.services)
	t.vips[k.Addr] = true // the zero address of a mark is no server's
	t.services = append(t.services, s)
	return nil
}

// AddServer adds a real server to the service k, as a Director does.
func (t *Table) AddServer(k service.Key, r service.ServerSpec) error {
	rule := func() string { return serviceArg(k, nil) + " " + serverArg(&r) }
	i, ok := t.index[k]
	if !ok {
		return fmt.Errorf("%s: %w: add it with -A in a line before this one", serviceArg(k, nil), service.ErrNoServiceForServer)
	}
	if r.Lower > r.Upper {
		return fmt.Errorf("%s: %w: -y %d must not be more than -x %d", rule(), service.ErrRange, r.Lower, r.Upper)
	}
	s := &t.services[i]
	for _, have := range s.Servers {
		if have.Addr == r.Addr && have.Port == r.Port {
			return fmt.Errorf("%s: %w", rule(), service.ErrServerExists)
		}
	}
	if most := sched.MaxServers(s.Scheduler); len(s.Servers) >= most {
		return fmt.Errorf("%s: Invalid operation: the scheduler %s takes at most %d servers", rule(), s.Scheduler, most)
	}
	// A local address is served by the host's own stack, to which a frame can be
	// left as it is but not rewritten or wrapped.
	if r.Method != service.DR {
		if t.vips[r.Addr] || r.Addr.Netip().IsLoopback() {
			return fmt.Errorf("%s: this real server is the director itself: only -g forwards to it", serverArg(&r))
		}
		t.remote[r.Addr] = k
	}
	s.Servers = append(s.Servers, r)
	return nil
}

// serverArg is how a rule names a real server.
func serverArg(r *service.ServerSpec) string { return "-r " + hostPort(nil, r.Addr, r.Port, 0) }
