package ipvsadm_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"director/control"
	"director/control/ipvsadm"
	"director/control/rules/rulestest"
	"director/packet"
	"director/service"
)

// memory is a Director that forwards nothing: it refuses what the kernel would.
type memory struct {
	services    []control.Service
	connections []control.Connection
	timeouts    service.Timeouts
	zeroed      []string // the services that were zeroed
	broken      error    // what every change returns
	alone       bool     // it makes one change at a time only
	asked       int      // how often changes were asked for
}

func (m *memory) find(k service.Key) *control.Service {
	for i := range m.services {
		if m.services[i].Key == k {
			return &m.services[i]
		}
	}
	return nil
}

func (m *memory) AddService(s service.Spec) error {
	if m.broken != nil {
		return m.broken
	}
	if m.find(s.Key) != nil {
		return service.ErrServiceExists
	}
	m.services = append(m.services, control.Service{Spec: s})
	return nil
}

func (m *memory) EditService(s service.Spec) error {
	have := m.find(s.Key)
	if have == nil {
		return service.ErrNoService
	}
	have.Spec = s
	return nil
}

func (m *memory) DeleteService(k service.Key) error {
	if m.find(k) == nil {
		return service.ErrNoService
	}
	m.services = slices.DeleteFunc(m.services, func(s control.Service) bool { return s.Key == k })
	return nil
}

func (m *memory) Clear() error {
	m.services = nil
	return nil
}

// server finds a real server of the service k. The index is -1 if there is none.
func (m *memory) server(k service.Key, a packet.Addr, port uint16) (*control.Service, int, error) {
	s := m.find(k)
	if s == nil {
		return nil, 0, service.ErrNoServiceForServer
	}
	return s, slices.IndexFunc(s.Servers, func(r control.Server) bool { return r.Addr == a && r.Port == port }), nil
}

func (m *memory) AddServer(k service.Key, r service.ServerSpec) error {
	s, i, err := m.server(k, r.Addr, r.Port)
	switch {
	case err != nil:
		return err
	case r.Lower > r.Upper:
		return service.ErrRange
	case i >= 0:
		return service.ErrServerExists
	}
	s.Servers = slices.Insert(s.Servers, 0, control.Server{ServerSpec: r})
	return nil
}

func (m *memory) EditServer(k service.Key, r service.ServerSpec) error {
	s, i, err := m.server(k, r.Addr, r.Port)
	switch {
	case err != nil:
		return err
	case r.Lower > r.Upper:
		return service.ErrRange
	case i < 0:
		return service.ErrNoServer
	}
	s.Servers[i].ServerSpec = r
	return nil
}

func (m *memory) DeleteServer(k service.Key, a packet.Addr, port uint16) error {
	s, i, err := m.server(k, a, port)
	switch {
	case err != nil:
		return err
	case i < 0:
		return service.ErrNoServer
	}
	s.Servers = slices.Delete(s.Servers, i, i+1)
	return nil
}

func (m *memory) Apply(ops ...control.Op) error {
	m.asked++
	if m.alone {
		return errors.New("one at a time")
	}
	before := slices.Clone(m.services)
	for i := range before {
		before[i].Servers = slices.Clone(before[i].Servers)
	}
	for i, o := range ops {
		if err := m.one(o); err != nil {
			m.services = before
			return &control.OpError{At: i, Op: o, Err: err}
		}
	}
	return nil
}

func (m *memory) one(o control.Op) error {
	switch o.Kind {
	case control.AddService:
		return m.AddService(o.Service)
	case control.EditService:
		return m.EditService(o.Service)
	case control.DeleteService:
		return m.DeleteService(o.Service.Key)
	case control.AddServer:
		return m.AddServer(o.Service.Key, o.Server)
	case control.EditServer:
		return m.EditServer(o.Service.Key, o.Server)
	}
	return m.DeleteServer(o.Service.Key, o.Server.Addr, o.Server.Port)
}

func (m *memory) Zero(k *service.Key) error {
	for i := range m.services {
		if s := &m.services[i]; k == nil || s.Key == *k {
			m.zeroed = append(m.zeroed, s.Addr.String())
		}
	}
	if k != nil && m.find(*k) == nil {
		return service.ErrNoService
	}
	return nil
}

func (m *memory) Timeouts() (service.Timeouts, error) { return m.timeouts, nil }

func (m *memory) SetTimeouts(t service.Timeouts) error {
	m.timeouts = t
	return nil
}

func (m *memory) EachService(_ bool, f func(*control.Service) error) error {
	for i := range m.services {
		if err := f(&m.services[i]); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Connections() ([]control.Connection, error) { return m.connections, nil }
func (m *memory) Size() (int, error)                         { return 4096, nil }

// run carries out one command line and returns what it printed and its code.
func run(d *memory, line, in string) (out, errs string, code int) {
	var o, e strings.Builder
	s := ipvsadm.Shell{Director: d, Resolver: rulestest.Book{}, Namer: rulestest.Book{}, In: strings.NewReader(in), Out: &o, Err: &e}
	c, err := ipvsadm.Parse(strings.Fields(line), rulestest.Book{})
	if e := (*ipvsadm.Error)(nil); errors.As(err, &e) {
		return "", e.Line + "\n", e.Code
	}
	code = s.Execute(c)
	return o.String(), e.String(), code
}

// must carries out lines that must succeed and print nothing.
func must(t *testing.T, d *memory, lines string) {
	t.Helper()
	if out, errs, code := run(d, "-R", lines); out+errs != "" || code != 0 {
		t.Fatalf("got %d, %q, %q", code, out, errs)
	}
}

func tcp(addr string, port uint16) service.Key {
	return service.Key{Addr: packet.MustAddr(addr), Port: port, Proto: packet.ProtoTCP}
}

func udp(addr string, port uint16) service.Key {
	return service.Key{Addr: packet.MustAddr(addr), Port: port, Proto: packet.ProtoUDP}
}

func mark(n uint32) service.Key { return service.Key{Mark: n} }

func server(addr string, port uint16, m service.Method, weight int32) service.ServerSpec {
	return service.ServerSpec{Addr: packet.MustAddr(addr), Port: port, Method: m, Weight: weight}
}

func limited(s service.ServerSpec, upper, lower uint32) service.ServerSpec {
	s.Upper, s.Lower = upper, lower
	return s
}
