package ipvsadm

import (
	"fmt"

	"director/packet"
	"director/sched"
	"director/service"
)

// Table is what a series of commands amounts to.
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
	if c.Verb == AddService {
		return t.addService(service.Spec{Key: c.Service, Scheduler: c.Scheduler, Flags: c.Flags})
	}
	return t.addServer(c.Service, c.Server)
}

func (t *Table) addService(s service.Spec) error {
	k := s.Key
	if _, ok := t.index[k]; ok {
		return fmt.Errorf("%s: Service already exists", serviceArg(k))
	}
	if of, ok := t.remote[k.Addr]; ok {
		return fmt.Errorf("%s: this address is a real server of %s: only -g forwards to an address of the director",
			serviceArg(k), serviceArg(of))
	}
	t.index[k] = len(t.services)
	t.vips[k.Addr] = true
	t.services = append(t.services, s)
	return nil
}

func (t *Table) addServer(k service.Key, r service.ServerSpec) error {
	i, ok := t.index[k]
	if !ok {
		return fmt.Errorf("%s: Service not defined: add it with -A in a line before this one", serviceArg(k))
	}
	s := &t.services[i]
	for _, have := range s.Servers {
		if have.Addr == r.Addr && have.Port == r.Port {
			return fmt.Errorf("%s %s: Destination already exists", serviceArg(k), serverArg(r))
		}
	}
	if most := sched.MaxServers(s.Scheduler); len(s.Servers) >= most {
		return fmt.Errorf("%s %s: Invalid operation: the scheduler %s takes at most %d servers",
			serviceArg(k), serverArg(r), s.Scheduler, most)
	}
	// A local address is served by the host's own stack, to which a frame can be
	// left as it is but not rewritten or wrapped.
	if r.Method != service.DR {
		if t.vips[r.Addr] || r.Addr.Netip().IsLoopback() {
			return fmt.Errorf("%s: this real server is the director itself: only -g forwards to it", serverArg(r))
		}
		t.remote[r.Addr] = k
	}
	s.Servers = append(s.Servers, r)
	return nil
}
