package service_test

import (
	"errors"
	"testing"

	"director/packet"
	"director/service"
)

// A service with many servers finds them by a map, one with few does not.
func TestAddServer_RefusesWhatIsThereAmongMany(t *testing.T) {
	for _, draft := range []bool{false, true} {
		r := service.NewRegistry(service.Options{Workers: 1, Draft: draft})
		k := service.Key{Addr: packet.MustAddr("192.0.2.10"), Port: 80, Proto: packet.ProtoTCP}
		if err := r.AddService(service.Spec{Key: k, Scheduler: "rr"}); err != nil {
			t.Fatal(err)
		}
		server := func(n uint32) service.ServerSpec {
			return service.ServerSpec{Addr: packet.AddrFrom4(10<<24 | n), Port: 80, Method: service.NAT, Weight: 1}
		}
		const many = 100
		for n := range uint32(many) {
			if err := r.AddServer(k, server(n)); err != nil {
				t.Fatalf("draft %t: server %d: %v", draft, n, err)
			}
			for again := range n + 1 {
				if err := r.AddServer(k, server(again)); !errors.Is(err, service.ErrServerExists) {
					t.Fatalf("draft %t: of %d servers, server %d again: %v", draft, n+1, again, err)
				}
			}
		}
		for n := range uint32(many) {
			if err := r.DeleteServer(k, server(n).Addr, 80); err != nil {
				t.Fatalf("draft %t: delete server %d: %v", draft, n, err)
			}
			if err := r.AddServer(k, server(n)); err != nil {
				t.Fatalf("draft %t: server %d once more: %v", draft, n, err)
			}
		}
		if got := len(r.Specs()[0].Servers); got != many {
			t.Errorf("draft %t: %d servers, want %d", draft, got, many)
		}
	}
}
