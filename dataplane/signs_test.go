package dataplane_test

import (
	"math"
	"testing"

	"director/internal/packettest"
	"director/service"
)

// signs returns what was counted for server n of the TCP service.
func (r *rig) signs(n int) service.Signs {
	return r.shared.View().Services.Server(uint32(n - 1)).Signs()
}

// The signs of a server tell what became of its half-open connections, for each method as
// far as the director sees it.
func TestSigns_TellWhatBecameOfHalfOpenConnections(t *testing.T) {
	client := func(flags string) func(*rig) {
		return func(r *rig) { r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: flags})) }
	}
	server := func(flags string) func(*rig) {
		return func(r *rig) { r.ports[1][0].Push(fromServer(4, 40000, packettest.Frame{Flags: flags})) }
	}
	for _, c := range []struct {
		what    string
		methods []service.Method
		packets []func(*rig)
		want    service.Signs
	}{
		{"nobody answers", []service.Method{service.NAT, service.DR, service.TUN},
			[]func(*rig){client("S"), client("S"), client("S")}, service.Signs{Opened: 1}},
		{"it is open", []service.Method{service.DR, service.TUN},
			[]func(*rig){client("S"), client("A"), client("PA"), client("PA"), client("FA")}, service.Signs{Opened: 1, Completed: 1}},
		{"it is open", []service.Method{service.NAT},
			[]func(*rig){client("S"), server("SA"), client("A"), client("PA"), server("PA"), client("FA"), server("FA"), client("A")},
			service.Signs{Opened: 1, Completed: 1}},
		{"a closed port", []service.Method{service.NAT}, []func(*rig){client("S"), server("RA")}, service.Signs{Opened: 1, Refused: 1}},
		{"reset later", []service.Method{service.NAT},
			[]func(*rig){client("S"), server("SA"), client("A"), server("R")}, service.Signs{Opened: 1, Completed: 1}},
		{"a scanner", []service.Method{service.NAT}, []func(*rig){client("S"), server("SA"), client("R")}, service.Signs{Opened: 1}},
		{"a scanner", []service.Method{service.DR, service.TUN}, []func(*rig){client("S"), client("R")}, service.Signs{Opened: 1}},
		{"an error from the server's side", []service.Method{service.NAT},
			[]func(*rig){client("S"), func(r *rig) { r.ports[1][0].Push(fromServerSide(false)) }}, service.Signs{Opened: 1, Errors: 1}},
		{"repeated errors", []service.Method{service.NAT},
			[]func(*rig){client("S"), func(r *rig) { r.ports[1][0].Push(fromServerSide(false), fromServerSide(false)) }, client("S"),
				func(r *rig) { r.ports[1][0].Push(fromServerSide(false)) }}, service.Signs{Opened: 1, Errors: 1}},
		{"an error from the client's side", []service.Method{service.NAT},
			[]func(*rig){client("S"), func(r *rig) { r.ports[0][0].Push(fromClientSide(false)) }}, service.Signs{Opened: 1}},
		{"a path MTU", []service.Method{service.NAT}, []func(*rig){client("S"), func(r *rig) {
			r.ports[1][0].Push(icmpError(3, 4, serverIP(4), clientIP, packettest.Frame{Src: clientIP + ":40000", Dst: serverIP(4) + ":8080", Flags: "S"}, false))
		}}, service.Signs{Opened: 1}},
	} {
		for _, m := range c.methods {
			r := newRig(t, options{method: m})
			for _, push := range c.packets {
				push(r)
				r.step()
			}
			if got := r.signs(4); got != c.want {
				t.Errorf("%s, %v: %+v, want %+v", c.what, m, got, c.want)
			}
		}
	}
}

// A server that gives no sign of life is suspect, and its next hop is to be confirmed.
func TestCompare_FindsTheDeadServer(t *testing.T) {
	r := newRig(t, options{})
	for port := range 320 {
		r.ports[0][0].Push(fromClient(20000+port, packettest.Frame{Flags: "S"}))
	}
	r.step()
	for _, f := range r.ports[1][0].Take() {
		d := packettest.Decode(t, f)
		if d.IP.DstIP.String() != serverIP(3) {
			r.ports[0][0].Push(fromClient(int(d.TCP.SrcPort), packettest.Frame{Flags: "A"}))
		}
	}
	r.step()
	_, quiet := r.control.Compare() // connections that have just begun have no result yet
	changed, _ := r.control.Compare()
	if len(changed) != 1 || changed[0].Addr.String() != serverIP(3) || !changed[0].Health.Suspect || math.Round(changed[0].Health.Stalled) != 78 {
		t.Errorf("%+v have changed, want server 3, with 78 of 80 connections without progress: the others have faded", changed)
	}
	if len(quiet) != 1 || quiet[0].Via.String() != serverIP(3) {
		t.Errorf("quiet: %v, want the next hop to server 3", quiet)
	}
	for _, s := range r.control.Services()[0].Servers {
		if is := s.Addr.String() == serverIP(3); s.Health.Suspect != is {
			t.Errorf("%v is suspect: %v", s.Addr, s.Health.Suspect)
		}
	}
}
