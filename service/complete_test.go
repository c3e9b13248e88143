package service

import (
	"reflect"
	"slices"
	"testing"

	"director/packet"
	"director/sched"
)

// serverFields are the fields of a server that a shadow copies, with functions that
// read their values.
var serverFields = map[string]func(*Server) any{
	"Addr":       func(s *Server) any { return s.Addr },
	"Port":       func(s *Server) any { return s.Port },
	"ID":         func(s *Server) any { return s.ID },
	"Of":         func(s *Server) any { return s.Of },
	"Load":       func(s *Server) any { return [2]int64{s.Load.Active.Load(), s.Load.Total.Load()} },
	"Persistent": func(s *Server) any { return s.Persistent.Load() },
	"Path":       func(s *Server) any { return s.Path.word.Load() },
	"tunnel":     func(s *Server) any { return s.tunnel.Load() },
	"weight":     func(s *Server) any { return s.weight.Load() },
	"answers":    func(s *Server) any { return s.answers.Load() },
	"upper":      func(s *Server) any { return s.upper.Load() },
	"lower":      func(s *Server) any { return s.lower.Load() },
	"pool":       func(s *Server) any { return s.pool.Load().list[0].Weight },
}

// poolFields are the same for a pool.
var poolFields = map[string]func(*pool) any{
	"list":      func(p *pool) any { return p.list[0].Weight },
	"members":   func(p *pool) any { return p.members[0].spec },
	"scheduler": func(p *pool) any { return reflect.TypeOf(p.scheduler) },
	"position":  func(p *pool) any { return p.position },
}

// notCopied are the fields that a shadow does not copy, with the reason.
var notCopied = map[string]string{
	"counters":  "the shadow's worker counts its own packets, from 0",
	"Unassured": "only the original's connection table reads it",
	"record":    "only the registry reads it, and a shadow has none",
	"mu":        "a lock",
	"spare":     "it is made from the list when it is needed",
	"spareList": "likewise",
	"sparePos":  "likewise",
}

// busy returns a server in a service. Every field that a shadow copies has a value.
func busy() *Server {
	s := &Server{
		Addr: packet.MustAddr("10.0.0.11"), Port: 8080, ID: 3,
		Of:   Key{Addr: packet.MustAddr("192.0.2.10"), Port: 80, Proto: packet.ProtoTCP, Mark: 5},
		Load: &sched.Load{}, Path: &Path{},
	}
	s.Load.Active.Store(11)
	s.Load.Total.Store(12)
	s.Load.Overloaded.Store(true)
	s.Persistent.Store(13)
	s.Path.word.Store(14)
	s.tunnel.Store(15)
	s.weight.Store(16)
	s.answers.Store(true)
	s.upper.Store(17)
	s.lower.Store(18)
	scheduler, err := sched.New("wrr", sched.Options{})
	if err != nil {
		panic(err)
	}
	p := &pool{
		list:      sched.Servers{{Addr: s.Addr, Port: s.Port, Weight: 16, Load: s.Load}},
		members:   []member{{s, ServerSpec{Addr: s.Addr, Port: s.Port, Weight: 16, Upper: 17, Lower: 18}}},
		scheduler: scheduler,
	}
	scheduler.Bind(p.list, &p.position)
	p.scheduler.Pick(&packet.Flow{}, 0, p.list, &p.position)
	s.pool.Store(p)
	return s
}

// complete compares the fields of a copy with those of the original. It fails if a
// field is in neither list. Then copy the field and add it to a list above.
func complete[T any](t *testing.T, old, twin *T, fields map[string]func(*T) any) {
	t.Helper()
	for f := range reflect.TypeFor[T]().Fields() {
		read := fields[f.Name]
		switch {
		case (read != nil) == (notCopied[f.Name] != ""):
			t.Errorf("%s: say whether a shadow copies it, or why not", f.Name)
		case read == nil:
		case reflect.ValueOf(read(old)).IsZero():
			t.Errorf("%s: nothing in it", f.Name)
		case !reflect.DeepEqual(read(old), read(twin)):
			t.Errorf("%s is %v in the shadow, want %v", f.Name, read(twin), read(old))
		}
	}
}

// This test fails if a field is added to a server or a pool and not copied.
func TestShadow_CopiesEveryField(t *testing.T) {
	old := busy()
	s := shadow{servers: map[*Server]*Server{}, paths: map[*Path]*Path{}, pools: map[*pool]*pool{}, twins: sched.Twins{}}
	twin := s.server(old)
	complete(t, old, twin, serverFields)
	complete(t, old.pool.Load(), twin.pool.Load(), poolFields)
	if !twin.Load.Overloaded.Load() {
		t.Error("the copy is open to new connections")
	}
	// The data that packets change is not shared.
	if twin == old || twin.Load == old.Load || twin.Path == old.Path || twin.pool.Load() == old.pool.Load() {
		t.Error("the shadow shares what packets change")
	}
	if m := twin.pool.Load().members; len(m) != 1 || m[0].Server != twin {
		t.Error("the copy of the pool has the original's server")
	}
}

// The rest of a table is copied as a whole.
func TestShadow_SharesNoService(t *testing.T) {
	server := busy()
	table := &Table{
		services: []*Service{{Spec{Key: server.Of, Scheduler: "wrr"}, server.pool.Load()}},
		servers:  []*Server{nil, nil, nil, server}, bypass: server,
		member: []bool{false, false, false, true},
	}
	table.cells = slices.Clone(table.services)
	table.marks = []mark{{of: table.services[0]}}
	twin := table.Shadow(func(*Pick) {})
	if twin.services[0] == table.services[0] || twin.cells[0] != twin.services[0] || twin.marks[0].of != twin.services[0] ||
		twin.Server(3) == server || twin.bypass == server || !twin.Member(3) {
		t.Errorf("%+v", twin)
	}
	if !reflect.DeepEqual(twin.services[0].Spec, table.services[0].Spec) {
		t.Errorf("%+v, want %+v", twin.services[0].Spec, table.services[0].Spec)
	}
}
