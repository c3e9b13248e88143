package service_test

import (
	"testing"

	"director/service"
)

// removed returns a registry with a service from which one of two servers was
// removed.
func removed(t *testing.T) (*registry, *service.Server) {
	spec := web(2)
	r := newRegistry(t, service.Options{}, spec)
	server := r.table.Server(0)
	r.change(r.DeleteServer(spec.Key, server.Addr, server.Port))
	return r, server
}

// collectAt calls Collect at time s, in seconds, and checks whether the table still
// contains the server.
func collectAt(r *registry, s int64, server *service.Server, known bool) {
	r.t.Helper()
	any := r.Collect(s * second)
	r.commit()
	if got := r.table.Server(server.ID) == server; got != known || any == known {
		r.t.Errorf("at %d s: known %v, want %v; removed any: %v", s, got, known, any)
	}
}

// Collect is called every minute. It removes a server that is unused and was first
// seen unused at least two minutes before (IP_VS_DEST_TRASH_PERIOD).
func TestTrash_KeepsAnUnusedServerForTwoMinutes(t *testing.T) {
	r, server := removed(t)
	collectAt(r, 60, server, true)
	collectAt(r, 120, server, true)
	collectAt(r, 180, server, false)

	r, server = removed(t)
	collectAt(r, 60, server, true)
	collectAt(r, 179, server, true)
	collectAt(r, 180, server, false)
}

func TestTrash_KeepsAServerThatIsReferredTo(t *testing.T) {
	for name, refer := range map[string]struct{ hold, release func(*service.Server) }{
		"by a connection": {func(s *service.Server) { s.Bind(true) }, func(s *service.Server) { s.Release(true) }},
		"by a template":   {(*service.Server).Ref, (*service.Server).Unref},
	} {
		t.Run(name, func(t *testing.T) {
			r, server := removed(t)
			refer.hold(server)
			for s := int64(60); s <= 600; s += 60 {
				collectAt(r, s, server, true)
			}
			if r.table.Member(server.ID) {
				t.Error("a removed server is a member")
			}
			refer.release(server)
			collectAt(r, 660, server, true)
			collectAt(r, 720, server, true)
			collectAt(r, 780, server, false)
		})
	}
}

// As in the kernel, the time at which a server was first seen unused stays, even if
// the server was used again meanwhile.
func TestTrash_RemembersWhenAServerWasFirstUnused(t *testing.T) {
	r, server := removed(t)
	collectAt(r, 60, server, true)
	server.Bind(false)
	collectAt(r, 120, server, true)
	collectAt(r, 180, server, true)
	server.Release(false)
	collectAt(r, 240, server, false)
}

func TestTrash_GivesTheServerBack(t *testing.T) {
	spec := web(2)
	r, server := removed(t)
	server.Bind(true)
	collectAt(r, 60, server, true)
	r.change(r.AddServer(spec.Key, spec.Servers[0]))
	if r.table.Server(server.ID) != server || !r.table.Member(server.ID) || server.Load.Total.Load() != 1 {
		t.Error("the server that was added again is another one, or has lost its connection")
	}
	// It is at the head of the list, because it was added last.
	first := true
	r.EachServer(spec.Key, func(s *service.Server, _ service.ServerSpec, _ *service.Meter) {
		if first && s != server {
			t.Errorf("%v comes first, want %v", s.Addr, server.Addr)
		}
		first = false
	})
	server.Release(true)
	for s := int64(60); s <= 600; s += 60 {
		r.Collect(s * second)
	}
	r.commit()
	if r.table.Server(server.ID) != server {
		t.Error("a server that was added again was removed from the table")
	}
	// The earlier time does not count when the server is removed again.
	r.change(r.DeleteServer(spec.Key, server.Addr, server.Port))
	collectAt(r, 660, server, true)
	collectAt(r, 720, server, true)
	collectAt(r, 780, server, false)
}

// Another port, another service or another protocol is another server.
func TestTrash_KnowsServersByServiceAddressAndPort(t *testing.T) {
	spec := web(2)
	r, server := removed(t)
	port := spec.Servers[0]
	port.Port = 81
	r.change(r.AddServer(spec.Key, port))
	udp := web(0)
	udp.Proto = 17
	r.change(r.AddService(udp))
	r.change(r.AddServer(udp.Key, spec.Servers[0]))
	for _, s := range r.table.Servers() {
		if s == server && r.table.Member(s.ID) {
			t.Error("the server in the trash was used for another server")
		}
	}
	// It is the same server after its service was removed and added again.
	r.change(r.DeleteService(spec.Key))
	r.change(r.AddService(web(0)))
	r.change(r.AddServer(spec.Key, spec.Servers[0]))
	if !r.table.Member(server.ID) {
		t.Error("after its service was removed and added again, the server is another one")
	}
}

// A number is used again only after a minute, so that no worker uses its old meaning.
func TestTrash_FreesNumbersLate(t *testing.T) {
	spec := web(2)
	r, server := removed(t)
	for _, s := range []int64{60, 120, 180} {
		r.Collect(s * second)
	}
	r.change(r.AddServer(spec.Key, web(3).Servers[2]))
	if s := r.table.Server(server.ID); s != nil {
		t.Errorf("number %d is used for %v at once", server.ID, s.Addr)
	}
	r.Collect(240 * second)
	r.change(r.AddServer(spec.Key, web(4).Servers[3]))
	if s := r.table.Server(server.ID); s == nil || s == server {
		t.Errorf("number %d is not used again a minute later", server.ID)
	}
}
