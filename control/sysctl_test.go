package control_test

import (
	"testing"
	"time"

	"director/internal/packettest"
)

const second = time.Second

// Each sysctl takes effect with the next packet.
func TestSysctl_ReachesTheWorkersAtOnce(t *testing.T) {
	begin := func(name string) *rig {
		r := newRig(t, 4096)
		r.quietly(direct...)
		if name != "" {
			r.sysctl(name, "1")
		}
		return r
	}
	forwarded := func(sent []*packettest.Decoded) bool { return len(sent) == 1 && !sent[0].TCP.RST }
	for _, name := range []string{"", "sloppy_tcp"} {
		if got := forwarded(begin(name).send(ack(1))); got != (name != "") {
			t.Errorf("%q: an ACK without a connection is forwarded: %v", name, got)
		}
	}
	for _, name := range []string{"", "expire_nodest_conn"} {
		r := begin(name)
		r.send(syn(1))
		r.quietly("-e -t 192.0.2.10:80 -r 10.0.0.11 -g -w 0")
		if got := forwarded(r.send(syn(1))); got != (name == "") {
			t.Errorf("%q: a SYN to a server of weight 0 goes on: %v", name, got)
		}
	}
	r := begin("")
	r.quietly("-a -t 192.0.2.10:80 -r 10.0.0.12 -g")
	fin := syn(1)
	fin.Flags = "FA"
	r.send(syn(1), ack(1), fin)
	before := r.Shared.Conns().List()[0].Addr
	r.send(syn(1))
	if after := r.Shared.Conns().List()[0].Addr; after != before {
		t.Errorf("conn_reuse_mode=1: %v after %v", after, before)
	}
	r.send(fin)
	r.sysctl("conn_reuse_mode", "2")
	r.send(syn(1))
	if after := r.Shared.Conns().List()[0].Addr; after == before {
		t.Errorf("conn_reuse_mode=2: still %v", after)
	}
}

// lblc and lblcr keep the server of a destination for the time that is set now. They
// remove old entries every half hour. A destination without an entry then gets the idle
// server.
func TestSysctl_ReachesTheSchedulers(t *testing.T) {
	for scheduler, name := range map[string]string{"lblc": "lblc_expiration", "lblcr": "lblcr_expiration"} {
		for expiry, remembered := range map[string]bool{"86400": true, "60": false} {
			r := newRig(t, 4096)
			r.quietly("-A -t 192.0.2.10:80 -s "+scheduler, "-a -t 192.0.2.10:80 -r 10.0.0.11 -g", "-a -t 192.0.2.10:80 -r 10.0.0.12 -g", "--set 5000 0 0")
			r.send(syn(1), ack(1))
			first := r.Shared.Conns().List()[0].Addr
			r.sysctl(name, expiry)
			r.seconds(1900)
			r.send(syn(2))
			second := r.Shared.Conns().List()[1].Addr
			if (first == second) != remembered {
				t.Errorf("%s, %s=%s: %v after %v, remembered should be %v", scheduler, name, expiry, second, first, remembered)
			}
		}
	}
}
