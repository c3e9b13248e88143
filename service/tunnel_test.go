package service_test

import (
	"errors"
	"testing"

	"director/packet"
	"director/service"
)

var gue = packet.Tunnel{Encap: packet.GUE, Checksum: packet.WithRemoteChecksum, Port: 65535}

func TestEditServer_ChangesTheTunnelAtOnce(t *testing.T) {
	r := service.NewRegistry(service.Options{Workers: 1})
	spec := web(1)
	spec.Servers[0].Method = service.TUN
	if err := r.AddService(spec); err != nil {
		t.Fatal(err)
	}
	var server *service.Server
	r.Commit(func(table *service.Table) { server = table.Server(0) })
	if got := server.Tunnel(); got != (packet.Tunnel{}) {
		t.Errorf("a server begins with %+v, want IPIP", got)
	}
	for _, want := range []packet.Tunnel{gue, {Encap: packet.GRE, Checksum: packet.WithChecksum}, {Encap: packet.GUE, Port: 1}, {}} {
		edited := spec.Servers[0]
		edited.Tunnel = want
		if err := r.EditServer(spec.Key, edited); err != nil {
			t.Fatal(err)
		}
		r.Commit(func(*service.Table) {})
		if got := server.Tunnel(); got != want {
			t.Errorf("tunnel %+v, want %+v", got, want)
		}
		if got := r.Specs()[0].Servers[0].Tunnel; got != want {
			t.Errorf("specification %+v, want %+v", got, want)
		}
	}
}

// The connections of a removed server still go to it through its tunnel.
func TestDeleteServer_LeavesTheTunnel(t *testing.T) {
	r := service.NewRegistry(service.Options{Workers: 1})
	spec := web(1)
	spec.Servers[0].Method, spec.Servers[0].Tunnel = service.TUN, gue
	if err := r.AddService(spec); err != nil {
		t.Fatal(err)
	}
	if err := r.DeleteServer(spec.Key, spec.Servers[0].Addr, spec.Servers[0].Port); err != nil {
		t.Fatal(err)
	}
	r.Commit(func(table *service.Table) {
		if got := table.Server(0).Tunnel(); got != gue {
			t.Errorf("tunnel %+v, want %+v", got, gue)
		}
	})
}

func TestRegistry_RefusesGUEWithoutAPort(t *testing.T) {
	r := service.NewRegistry(service.Options{Workers: 1})
	spec := web(1)
	if err := r.AddService(spec); err != nil {
		t.Fatal(err)
	}
	wrong := service.ServerSpec{Addr: packet.MustAddr("10.0.0.99"), Port: 80, Method: service.TUN, Tunnel: packet.Tunnel{Encap: packet.GUE}}
	if err := r.AddServer(spec.Key, wrong); !errors.Is(err, service.ErrInvalid) {
		t.Errorf("add: %v, want ErrInvalid", err)
	}
	wrong.Addr = spec.Servers[0].Addr
	if err := r.EditServer(spec.Key, wrong); !errors.Is(err, service.ErrInvalid) {
		t.Errorf("edit: %v, want ErrInvalid", err)
	}
}
