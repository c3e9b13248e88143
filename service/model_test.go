package service_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/packet"
	"director/sched"
	"director/service"
)

// model is the simplest implementation of a registry.
type model struct {
	services []*modelService
	trash    []*modelServer
}

type modelService struct {
	spec    service.Spec // without servers
	servers []*modelServer
}

type modelServer struct {
	of   service.Key
	spec service.ServerSpec
	is   *service.Server // the registry's server; nil until check has seen it
	used int             // number of connections
	idle int64           // time at which it was first seen unused in the trash; -1: it was not
}

func (m *model) find(k service.Key) *modelService {
	for _, s := range m.services {
		if s.spec.Key == k {
			return s
		}
	}
	return nil
}

func (s *modelService) find(addr packet.Addr, port uint16) int {
	return slices.IndexFunc(s.servers, func(m *modelServer) bool { return m.spec.Addr == addr && m.spec.Port == port })
}

// remote reports whether a is the address of a server that must not be the director.
func (m *model) remote(a packet.Addr) bool {
	return slices.ContainsFunc(m.services, func(s *modelService) bool {
		return slices.ContainsFunc(s.servers, func(o *modelServer) bool {
			return o.spec.Addr == a && o.spec.Method != service.DR
		})
	})
}

func (m *model) vip(a packet.Addr) bool {
	return slices.ContainsFunc(m.services, func(s *modelService) bool { return s.spec.Mark == 0 && s.spec.Addr == a })
}

func (m *model) wrong(spec *service.ServerSpec) error {
	switch {
	case spec.Weight < 0, spec.Lower > spec.Upper:
		return service.ErrRange
	case spec.Method != service.DR && (m.vip(spec.Addr) || spec.Addr.Netip().IsLoopback()):
		return service.ErrInvalid
	}
	return nil
}

func (m *model) addService(spec service.Spec) error {
	switch {
	case m.find(spec.Key) != nil:
		return service.ErrServiceExists
	case spec.Mark == 0 && m.remote(spec.Addr):
		return service.ErrInvalid
	}
	m.services = append(m.services, &modelService{spec: spec})
	return nil
}

func (m *model) editService(spec service.Spec) error {
	s := m.find(spec.Key)
	if s == nil {
		return service.ErrNoService
	}
	s.spec = spec
	return nil
}

func (m *model) deleteService(k service.Key) error {
	s := m.find(k)
	if s == nil {
		return service.ErrNoService
	}
	for _, server := range s.servers {
		m.discard(server)
	}
	m.services = slices.DeleteFunc(m.services, func(o *modelService) bool { return o == s })
	return nil
}

func (m *model) discard(s *modelServer) {
	s.idle = -1
	m.trash = append(m.trash, s)
}

func (m *model) addServer(k service.Key, spec service.ServerSpec) error {
	s := m.find(k)
	if s == nil {
		return service.ErrNoServiceForServer
	}
	if err := m.wrong(&spec); err != nil {
		return err // the registry checks numbers first
	}
	if s.find(spec.Addr, spec.Port) >= 0 {
		return service.ErrServerExists
	}
	server := &modelServer{of: k}
	for i, old := range m.trash {
		if old.of == k && old.spec.Addr == spec.Addr && old.spec.Port == spec.Port {
			server, m.trash = old, slices.Delete(m.trash, i, i+1)
			break
		}
	}
	server.spec = spec
	s.servers = append([]*modelServer{server}, s.servers...)
	return nil
}

func (m *model) editServer(k service.Key, spec service.ServerSpec) error {
	s := m.find(k)
	if s == nil {
		return service.ErrNoServiceForServer
	}
	if err := m.wrong(&spec); err != nil {
		return err
	}
	at := s.find(spec.Addr, spec.Port)
	if at < 0 {
		return service.ErrNoServer
	}
	s.servers[at].spec = spec
	return nil
}

func (m *model) deleteServer(k service.Key, addr packet.Addr, port uint16) error {
	s := m.find(k)
	if s == nil {
		return service.ErrNoServiceForServer
	}
	at := s.find(addr, port)
	if at < 0 {
		return service.ErrNoServer
	}
	m.discard(s.servers[at])
	s.servers = slices.Delete(s.servers, at, at+1)
	return nil
}

func (m *model) collect(now int64) (any bool) {
	m.trash = slices.DeleteFunc(m.trash, func(s *modelServer) bool {
		switch {
		case s.used > 0:
		case s.idle < 0:
			s.idle = now
		case now-s.idle >= 120*second:
			any = true
			return true
		}
		return false
	})
	return any
}

// specs returns the services as Registry.Specs does.
func (m *model) specs() (all []service.Spec) {
	for _, s := range m.services {
		spec := s.spec
		for _, server := range slices.Backward(s.servers) {
			spec.Servers = append(spec.Servers, server.spec)
		}
		all = append(all, spec)
	}
	return all
}

// commands draws random commands that often concern the same services and servers.
type commands struct{ *rand.Rand }

func (r commands) key() service.Key {
	if r.IntN(5) == 0 {
		return service.Key{Mark: 1 + r.Uint32N(2)}
	}
	return service.Key{
		Addr: packet.AddrFrom4(0xc000020a + r.Uint32N(2)), Port: uint16(80 + r.IntN(2)),
		Proto: []uint8{packet.ProtoTCP, packet.ProtoUDP}[r.IntN(2)],
	}
}

func (r commands) service() service.Spec {
	return service.Spec{Key: r.key(), Scheduler: []string{"rr", "wlc", "sh"}[r.IntN(3)], Flags: []sched.Flags{0, sched.Port}[r.IntN(2)], Persistent: r.Uint32N(2) * 300}
}

func (r commands) server(k service.Key) service.ServerSpec {
	spec := service.ServerSpec{
		Addr: packet.AddrFrom4(0x0a00000b + r.Uint32N(4)), Port: uint16(80 + r.IntN(2)),
		Method: service.Method(r.IntN(3)), Weight: r.Int32N(4), Upper: r.Uint32N(5),
	}
	switch r.IntN(20) {
	case 0:
		spec.Weight = -1
	case 1:
		spec.Lower = spec.Upper + 1
	case 2:
		spec.Addr = packet.AddrFrom4(0xc000020a + r.Uint32N(2)) // a virtual address
	case 3:
		spec.Addr = packet.MustAddr("127.0.0.1")
	}
	if spec.Method != service.NAT && k.Mark == 0 {
		spec.Port = k.Port
	}
	return spec
}

// do passes one random command to the registry and to the model. Both must return the
// same result.
func (r commands) do(t *testing.T, reg *service.Registry, m *model) {
	t.Helper()
	var got, want error
	var what string
	switch r.IntN(12) {
	case 0, 1:
		spec := r.service()
		what = fmt.Sprintf("AddService(%+v)", spec)
		got, want = reg.AddService(spec), m.addService(spec)
	case 2:
		spec := r.service()
		what = fmt.Sprintf("EditService(%+v)", spec)
		got, want = reg.EditService(spec), m.editService(spec)
	case 3:
		if r.IntN(4) == 0 {
			k := r.key()
			what = fmt.Sprintf("DeleteService(%+v)", k)
			got, want = reg.DeleteService(k), m.deleteService(k)
		} else if r.IntN(20) == 0 {
			reg.Clear()
			for len(m.services) > 0 {
				_ = m.deleteService(m.services[0].spec.Key)
			}
		}
	case 4, 5, 6, 7:
		k := r.key()
		spec := r.server(k)
		what = fmt.Sprintf("AddServer(%+v, %+v)", k, spec)
		got, want = reg.AddServer(k, spec), m.addServer(k, spec)
	case 8, 9:
		k := r.key()
		spec := r.server(k)
		what = fmt.Sprintf("EditServer(%+v, %+v)", k, spec)
		got, want = reg.EditServer(k, spec), m.editServer(k, spec)
	case 10, 11:
		k := r.key()
		spec := r.server(k)
		what = fmt.Sprintf("DeleteServer(%+v, %v:%d)", k, spec.Addr, spec.Port)
		got, want = reg.DeleteServer(k, spec.Addr, spec.Port), m.deleteServer(k, spec.Addr, spec.Port)
	}
	if !errors.Is(got, want) || want == nil && got != nil {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// check compares the registry and its newest table with the model.
func (m *model) check(t *testing.T, reg *service.Registry, table *service.Table) {
	t.Helper()
	members := map[uint32]bool{}
	at := 0
	reg.Each(func(s *service.Service, _ *service.Meter) {
		want := m.services[at]
		at++
		if table.Services()[at-1] != s || s.Key != want.spec.Key {
			t.Fatalf("service %d is %+v, want %+v, the same as in the table", at, s.Key, want.spec.Key)
		}
		i := 0
		reg.EachServer(s.Key, func(server *service.Server, spec service.ServerSpec, _ *service.Meter) {
			w := want.servers[i]
			i++
			members[server.ID] = true
			if spec != w.spec || server.Weight() != spec.Weight || server.Of != s.Key || table.Server(server.ID) != server {
				t.Fatalf("server %d of %+v: %+v, want %+v", i, s.Key, spec, w.spec)
			}
			if w.is != nil && w.is != server {
				t.Fatalf("%v:%d of %+v is another server than before", spec.Addr, spec.Port, s.Key)
			}
			w.is = server
		})
		if i != len(want.servers) {
			t.Fatalf("%d servers of %+v, want %d", i, s.Key, len(want.servers))
		}
	})
	if at != len(m.services) {
		t.Fatalf("%d services, want %d", at, len(m.services))
	}
	known := map[*service.Server]bool{}
	for _, s := range m.trash {
		known[s.is] = true
		if table.Server(s.is.ID) != s.is {
			t.Fatalf("server %d is in the trash and not in the table", s.is.ID)
		}
	}
	for id, s := range table.Servers() {
		switch {
		case s == nil || s == table.Bypass():
		case int(s.ID) != id, table.Member(s.ID) != members[s.ID], !members[s.ID] && !known[s]:
			t.Fatalf("server %d has number %d, member %v, want %v; known to the model %v", id, s.ID, table.Member(s.ID), members[s.ID], known[s])
		}
	}
}

// TestRegistry_AgreesWithAModel passes random commands to a registry and to the
// model. Removed servers with connections stay in the trash. If they are added again,
// they are the same servers.
func TestRegistry_AgreesWithAModel(t *testing.T) {
	for seed := range uint64(3) {
		r := commands{rand.New(rand.NewPCG(seed, 9))}
		marks := []service.Mark{{Mark: 1, Proto: packet.ProtoTCP, Prefix: prefix("203.0.113.0/24")}, {Mark: 2, Proto: packet.ProtoTCP, Prefix: prefix("203.0.113.7/32")}}
		reg := service.NewRegistry(service.Options{Workers: 1, Seed: seed, Marks: marks})
		m := &model{}
		var table *service.Table
		now := int64(0)
		for i := range 4000 {
			r.do(t, reg, m)
			reg.Commit(func(n *service.Table) { table = n })
			m.check(t, reg, table)
			if i%20 == 0 {
				if diff := cmp.Diff(m.specs(), reg.Specs()); diff != "" {
					t.Fatalf("specifications (-want +got):\n%s", diff)
				}
			}
			if len(m.services) > 0 {
				r.connect(t, m)
			}
			if r.IntN(10) == 0 {
				now += 60 * second
				if got, want := reg.Collect(now), m.collect(now); got != want {
					t.Fatalf("Collect at %d s: %v, want %v", now/second, got, want)
				}
			}
		}
	}
}

// connect begins and ends connections of a random service.
func (r commands) connect(t *testing.T, m *model) {
	t.Helper()
	s := m.services[r.IntN(len(m.services))]
	for _, server := range s.servers {
		if server.used < 3 && r.IntN(4) == 0 {
			server.is.Load.Total.Add(1)
			server.used++
		}
	}
	for _, server := range m.trash {
		if server.used > 0 && r.IntN(20) == 0 {
			server.is.Release(false)
			server.used--
		}
	}
}
