package conntrack_test

import (
	"strings"
	"testing"
	"time"

	"director/conntrack"
)

// kernelTable is IPVS's normal TCP table as its users know it: a row for each
// state, then the successor on SYN, FIN, ACK, RST for packets in, out and in
// only.
const kernelTable = `
NO  SR CL ES CL  SS TW ES CL  SR CL ES CL
ES  ES CW ES CL  ES FW ES CL  ES FW ES CL
SS  ES SS SS CL  SS SS SS SS  ES SS SS CL
SR  SR TW ES SR  SR TW ES CL  SR TW ES SR
FW  SR TW FW CL  SS FW FW CL  SR FW FW CL
TW  SR TW TW CL  SS TW TW TW  SR TW TW CL
CL  SR CL CL CL  SS CL CL CL  SR CL CL CL
CW  SR CW CW CL  SS TW CW CL  SR CW CW CL
LA  SR LA CL LA  SS LA LA CL  SR LA CL LA
LI  SR LI LI LI  LI LI ES CL  SR LI LI LI
SA  SR TW ES SR  SR TW ES CL  SR TW ES CL`

func TestNext_IsTheKernelsTable(t *testing.T) {
	byName := map[string]conntrack.State{
		"NO": conntrack.TCPNone, "ES": conntrack.TCPEstablished, "SS": conntrack.TCPSynSent,
		"SR": conntrack.TCPSynRecv, "FW": conntrack.TCPFinWait, "TW": conntrack.TCPTimeWait,
		"CL": conntrack.TCPClose, "CW": conntrack.TCPCloseWait, "LA": conntrack.TCPLastAck,
		"LI": conntrack.TCPListen, "SA": conntrack.TCPSynAck,
	}
	dirs := []conntrack.Direction{conntrack.In, conntrack.Out, conntrack.InOnly}
	events := []conntrack.Event{conntrack.Syn, conntrack.Fin, conntrack.Ack, conntrack.Reset}
	rows := strings.Split(strings.TrimSpace(kernelTable), "\n")
	if len(rows) != len(byName) {
		t.Fatalf("%d rows for %d states", len(rows), len(byName))
	}
	for _, row := range rows {
		f := strings.Fields(row)
		from := byName[f[0]]
		for d, dir := range dirs {
			for e, ev := range events {
				want := byName[f[1+4*d+e]]
				if got := conntrack.Next(from, dir, ev); got != want {
					t.Errorf("%v, direction %d, event %d: %v, want %v", from, dir, ev, got, want)
				}
			}
			if got := conntrack.Next(from, dir, conntrack.Other); got != conntrack.TCPClose {
				t.Errorf("%v, a segment without flags: %v, want CLOSE", from, got)
			}
		}
	}
}

func TestTCPEvent_PrefersResetSynFinAck(t *testing.T) {
	const fin, syn, rst, psh, ack = 1, 2, 4, 8, 16
	for flags, want := range map[uint8]conntrack.Event{
		rst | syn | fin | ack: conntrack.Reset,
		syn | fin | ack:       conntrack.Syn,
		fin | ack:             conntrack.Fin,
		psh | ack:             conntrack.Ack,
		psh:                   conntrack.Other,
		0:                     conntrack.Other,
		0xe0 | ack:            conntrack.Ack,
	} {
		if got := conntrack.TCPEvent(flags); got != want {
			t.Errorf("flags %#02x: event %d, want %d", flags, got, want)
		}
	}
}

func TestNewTimeouts_ChangesTheThreeOfSet(t *testing.T) {
	got := conntrack.NewTimeouts(900*time.Second, 120*time.Second, 300*time.Second)
	for s, want := range map[conntrack.State]int64{
		conntrack.TCPNone: 2, conntrack.TCPEstablished: 900, conntrack.TCPSynSent: 120, conntrack.TCPSynRecv: 60,
		conntrack.TCPFinWait: 120, conntrack.TCPTimeWait: 120, conntrack.TCPClose: 10, conntrack.TCPCloseWait: 60,
		conntrack.TCPLastAck: 30, conntrack.TCPListen: 120, conntrack.TCPSynAck: 120, conntrack.UDP: 300,
	} {
		if got[s] != want*int64(time.Second) {
			t.Errorf("%v lasts %v, want %d s", s, time.Duration(got[s]), want)
		}
	}
	changed := conntrack.NewTimeouts(time.Second, 2*time.Second, 3*time.Second)
	for s := range conntrack.States {
		set := s == conntrack.TCPEstablished || s == conntrack.TCPFinWait || s == conntrack.UDP
		if set != (changed[s] != got[s]) {
			t.Errorf("%v: changed %v, want %v", s, changed[s] != got[s], set)
		}
	}
}
