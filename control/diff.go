package control

import (
	"reflect"

	"director/packet"
	"director/service"
)

// Diff returns what has to be done to services that are as have says for them to
// be as want says. What is to go goes first, so that what comes may take its place.
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
		gone, come := diffServers(h, w)
		ops = append(ops, gone...)
		if !reflect.DeepEqual(withoutServers(*h), withoutServers(*w)) {
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

// place is what tells a service's real servers apart.
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

// diffServers returns the changes of the servers of one service: those that make
// room, and the others.
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
			// Its address may become a service's.
			gone = append(gone, Op{EditServer, of, s})
		case *have != s:
			come = append(come, Op{EditServer, of, s})
		}
	}
	return gone, come
}
