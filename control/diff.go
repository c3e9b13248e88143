package control

import (
	"slices"

	"director/packet"
	"director/service"
)

// Diff returns the changes that turn the services have into the services want. Deletions
// come first, because an added service or server may need what they release.
func Diff(have, want []service.Spec) (ops []Op) {
	old, wanted := byKey(have), byKey(want)
	for i := range have {
		if wanted[have[i].Key] == nil {
			ops = append(ops, Op{Kind: DeleteService, Service: service.Spec{Key: have[i].Key}})
		}
	}
	var later []Op
	for i := range want {
		w := &want[i]
		h := old[w.Key]
		if h == nil {
			later = append(later, Op{Kind: AddService, Service: *w})
			continue
		}
		var come []Op
		if !slices.Equal(h.Servers, w.Servers) {
			var gone []Op
			gone, come = diffServers(h, w)
			ops = append(ops, gone...)
		}
		if !h.SameAttributes(w) {
			later = append(later, Op{Kind: EditService, Service: withoutServers(*w)})
		}
		later = append(later, come...)
	}
	return append(ops, later...)
}

func byKey(specs []service.Spec) map[service.Key]*service.Spec {
	m := make(map[service.Key]*service.Spec, len(specs))
	for i := range specs {
		m[specs[i].Key] = &specs[i]
	}
	return m
}

func withoutServers(s service.Spec) service.Spec {
	s.Servers = nil
	return s
}

// place identifies a real server within a service.
type place struct {
	addr packet.Addr
	port uint16
}

func byPlace(servers []service.ServerSpec) map[place]*service.ServerSpec {
	m := make(map[place]*service.ServerSpec, len(servers))
	for i := range servers {
		m[place{servers[i].Addr, servers[i].Port}] = &servers[i]
	}
	return m
}

// diffServers returns the changes of the servers of one service: gone are the changes that
// must come first, because they release an address; come are the others.
func diffServers(h, w *service.Spec) (gone, come []Op) {
	of := service.Spec{Key: h.Key}
	old, wanted := byPlace(h.Servers), byPlace(w.Servers)
	for _, s := range h.Servers {
		if wanted[place{s.Addr, s.Port}] == nil {
			gone = append(gone, Op{DeleteServer, of, s})
		}
	}
	for _, s := range w.Servers {
		switch have := old[place{s.Addr, s.Port}]; {
		case have == nil:
			come = append(come, Op{AddServer, of, s})
		case *have != s && s.Method == service.DR && have.Method != service.DR:
			// Its address may become the address of a service.
			gone = append(gone, Op{EditServer, of, s})
		case *have != s:
			come = append(come, Op{EditServer, of, s})
		}
	}
	return gone, come
}
