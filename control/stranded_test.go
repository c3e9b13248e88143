package control_test

import (
	"testing"

	"director/internal/packettest"
)

const connHead = "IPVS connection entries\npro expire state       source             virtual            destination\n"

var web = []string{"-A -t 192.0.2.10:80 -s rr", "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m", "-a -t 192.0.2.10:80 -r 10.0.0.12:8080 -m"}

// The connections of a removed server stay. Their packets are dropped until the server is
// added again.
func TestDeleteServer_LeavesItsConnections(t *testing.T) {
	for _, remove := range []string{"-d -t 192.0.2.10:80 -r 10.0.0.12:8080", "-D -t 192.0.2.10:80", "-C"} {
		r := newRig(t, 4096)
		r.quietly(web...)
		r.send(syn(1))
		r.quietly(remove)
		if sent := r.send(ack(1)); len(sent) != 0 {
			t.Errorf("%s: %d frames sent, want none", remove, len(sent))
		}
		r.prints("-Lcn", connHead+"TCP 01:00  SYN_RECV    198.51.100.1:40000 192.0.2.10:80      10.0.0.12:8080\n")
		for _, line := range web {
			r.ipvsadm(line) // some exist still
		}
		if sent := r.send(ack(1)); len(sent) != 1 {
			t.Errorf("%s, and back: %d frames sent, want 1", remove, len(sent))
		}
	}
}

// With expire_nodest_conn they are removed at once, and all counts are updated
// (ip_vs_expire_nodest_conn_flush).
func TestDeleteServer_EndsItsConnectionsIfAsked(t *testing.T) {
	for _, remove := range []string{"-d -t 192.0.2.10:80 -r 10.0.0.12:8080", "-D -t 192.0.2.10:80", "-C"} {
		r := newRig(t, 4096)
		r.sysctl("expire_nodest_conn", "1")
		r.quietly(web...)
		r.send(syn(1), syn(2), syn(3), ack(3))
		r.quietly(remove)
		want := connHead
		left := 0
		if remove[:2] == "-d" {
			want += "TCP 01:00  SYN_RECV    198.51.100.2:40000 192.0.2.10:80      10.0.0.11:8080\n"
			left = 1
		}
		r.prints("-Lcn", want)
		if got := r.Shared.Conns().Used(); got != left {
			t.Errorf("%s: %d connections are left, want %d", remove, got, left)
		}
		for _, s := range r.Shared.View().Services.Servers() {
			if n := s.Load.Total.Load(); n != 0 && s.Addr.String() != "10.0.0.11" {
				t.Errorf("%s: %v has %d connections, want none", remove, s.Addr, n)
			}
		}
	}
}

// A template of the removed server is removed with its last connection. The order in which
// they are found does not matter.
func TestDeleteServer_EndsTemplatesIfAsked(t *testing.T) {
	for _, assured := range []bool{false, true} {
		r := newRig(t, 4096)
		r.sysctl("expire_nodest_conn", "1")
		r.quietly("-A -t 192.0.2.10:80 -s rr -p 90", "-a -t 192.0.2.10:80 -r 10.0.0.12:8080 -m")
		r.send(syn(1), syn(2))
		if assured {
			r.send(ack(1), ack(2))
		}
		r.quietly("-d -t 192.0.2.10:80 -r 10.0.0.12:8080")
		r.prints("-Lcn", connHead)
		server := r.Shared.View().Services.Server(0)
		if n := server.Persistent.Load(); n != 0 {
			t.Errorf("assured %v: %d templates are counted, want none", assured, n)
		}
	}
}

// A template is removed after its connections. The other entries are not affected.
func TestExpireNodestConn_ConcernsRemovedServersOnly(t *testing.T) {
	r := newRig(t, 4096)
	r.quietly(web...)
	r.send(syn(1), syn(2))
	r.quietly("-d -t 192.0.2.10:80 -r 10.0.0.12:8080")
	r.sysctl("expire_nodest_conn", "1") // afterwards: a packet has to come
	if got := r.Shared.Conns().Used(); got != 2 {
		t.Fatalf("%d connections, want 2", got)
	}
	sent := r.send(ack(1))
	if len(sent) != 1 || !sent[0].TCP.RST || sent[0].Flow() != "192.0.2.10:80 > 198.51.100.1:40000" {
		t.Errorf("%d frames sent, want a reset", len(sent))
	}
	r.prints("-Lcn", connHead+"TCP 01:00  SYN_RECV    198.51.100.2:40000 192.0.2.10:80      10.0.0.11:8080\n")
	// A quiesced server stays in its service.
	r.quietly("-e -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 0")
	if sent := r.send(ack(2)); len(sent) != 1 || sent[0].TCP.RST {
		t.Errorf("%d frames sent for a connection of a server of weight 0, want it forwarded", len(sent))
	}
	answer := packettest.Frame{Src: "10.0.0.11:8080", Dst: "198.51.100.2:40000", Flags: "A"}
	if sent := r.send(answer); len(sent) != 1 || sent[0].Flow() != "192.0.2.10:80 > 198.51.100.2:40000" {
		t.Errorf("%d frames sent for its answer", len(sent))
	}
}
