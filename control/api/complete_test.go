package api

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"director/control"
	"director/internal/fields"
	"director/packet"
	"director/sched"
	"director/service"
)

// over sends v as JSON and returns what arrives.
func over[T any](t *testing.T, v T) (arrived T) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &arrived); err != nil {
		t.Fatal(err)
	}
	return arrived
}

// A field that is added to a listed connection and not sent makes this fail.
func TestConnection_ArrivesWhole(t *testing.T) {
	want := fields.Full[control.Connection]()
	want.Proto, want.Expires = packet.ProtoSCTP, 90*time.Second
	if zero := fields.Zero(want); len(zero) != 0 {
		t.Fatalf("%v are zero", zero)
	}
	page := over(t, (&filter{limit: 1}).page([]control.Connection{want}))
	got, err := page.Connections[0].control()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("connection (-sent +arrived):\n%s", diff)
	}
}

// Every field of a service that a rule can set must be sent. Some fields exclude each
// other, so two services are needed to set all.
func TestService_ArrivesWhole(t *testing.T) {
	server := service.ServerSpec{
		Addr: packet.MustAddr("10.0.0.11"), Port: 5060, Method: service.TUN, Weight: 3, Upper: 9, Lower: 4,
		Tunnel: packet.Tunnel{Encap: packet.GUE, Port: 6080, Checksum: packet.WithChecksum},
	}
	byAddress := service.Spec{
		Key:       service.Key{Addr: packet.MustAddr("192.0.2.10"), Port: 5060, Proto: packet.ProtoUDP},
		Scheduler: "mh", Flags: sched.Fallback, Persistent: 300, HostMask: 0xff, OnePacket: true, Engine: "sip",
		Servers: []service.ServerSpec{server},
	}
	byMark := service.Spec{Key: service.Key{Mark: 7}, Scheduler: "rr"}
	for _, name := range fields.Zero(byAddress) {
		if name != "Mark" {
			t.Errorf("%s is not set in the service", name)
		}
	}
	if zero := fields.Zero(server); len(zero) != 0 || len(fields.Zero(server.Tunnel)) != 0 {
		t.Errorf("%v of the server are not set, %v of its tunnel", zero, fields.Zero(server.Tunnel))
	}
	for _, want := range []service.Spec{byAddress, byMark} {
		sent := over(t, ServiceOf(&want))
		got, err := sent.Spec()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(service.Key{}, packet.Addr{})); diff != "" {
			t.Errorf("service (-sent +arrived):\n%s", diff)
		}
	}
}

// The counts of a service and its servers are sent as well, except for two fields.
func TestListing_ArrivesWhole(t *testing.T) {
	want := fields.Full[control.Service]()
	want.Spec = service.Spec{Key: service.Key{Mark: 7}, Scheduler: "rr"}
	server := &want.Servers[0]
	server.ServerSpec = service.ServerSpec{Addr: packet.MustAddr("10.0.0.11"), Port: 80, Method: service.DR, Weight: 1}
	server.Way = packet.NoRoute
	sent := listed(&want, true)
	if sent.Servers[0].Unreachable == "" {
		t.Error("why the server cannot be reached is not sent")
	}
	sent = over(t, sent)
	got, err := sent.Control(nil)
	if err != nil {
		t.Fatal(err)
	}
	// Counted and the numbers of Health are for the metrics and the status page, which are
	// read in the director's own process.
	want.Counted, server.Counted, server.Health = control.Stats{}, control.Stats{}, service.Health{Suspect: true}
	want.Health = service.Health{Suspect: true}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(service.Key{}, packet.Addr{})); diff != "" {
		t.Errorf("listing (-sent +arrived):\n%s", diff)
	}
}
