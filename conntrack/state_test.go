package conntrack_test

import (
	"testing"
	"time"

	"director/conntrack"
)

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

func TestSCTPEvent_IsTheFirstChunksType(t *testing.T) {
	special := map[uint8]conntrack.Event{
		1: conntrack.ChunkInit, 2: conntrack.ChunkInitAck, 6: conntrack.ChunkAbort, 7: conntrack.ChunkShutdown,
		8: conntrack.ChunkShutdownAck, 9: conntrack.ChunkError, 10: conntrack.ChunkCookieEcho,
		11: conntrack.ChunkCookieAck, 14: conntrack.ChunkShutdownComplete,
	}
	for chunk := range 256 {
		want, ok := special[uint8(chunk)]
		if !ok {
			want = conntrack.ChunkData
		}
		if got := conntrack.SCTPEvent(uint8(chunk)); got != want {
			t.Errorf("chunk %d: event %d, want %d", chunk, got, want)
		}
	}
}

// listed holds all states, with IPVS's name and time-out, and whether IPVS counts a
// connection in this state as active.
var listed = []struct {
	state   conntrack.State
	name    string
	seconds int64
	active  bool
}{
	{conntrack.TCPNone, "NONE", 2, false},
	{conntrack.TCPEstablished, "ESTABLISHED", 900, true},
	{conntrack.TCPSynSent, "SYN_SENT", 120, true},
	{conntrack.TCPSynRecv, "SYN_RECV", 60, true},
	{conntrack.TCPFinWait, "FIN_WAIT", 120, false},
	{conntrack.TCPTimeWait, "TIME_WAIT", 120, false},
	{conntrack.TCPClose, "CLOSE", 10, false},
	{conntrack.TCPCloseWait, "CLOSE_WAIT", 60, false},
	{conntrack.TCPLastAck, "LAST_ACK", 30, false},
	{conntrack.TCPListen, "LISTEN", 120, false},
	{conntrack.TCPSynAck, "SYNACK", 120, true},
	{conntrack.UDP, "UDP", 300, false},
	{conntrack.SCTPNone, "NONE", 2, false},
	{conntrack.SCTPInit1, "INIT1", 4, false},
	{conntrack.SCTPInit, "INIT", 61, false},
	{conntrack.SCTPCookieSent, "C-SENT", 61, false},
	{conntrack.SCTPCookieReplied, "C-REPLIED", 61, false},
	{conntrack.SCTPCookieWait, "C-WAIT", 61, false},
	{conntrack.SCTPCookie, "COOKIE", 61, false},
	{conntrack.SCTPCookieEchoed, "C-ECHOED", 61, false},
	{conntrack.SCTPEstablished, "ESTABLISHED", 900, true},
	{conntrack.SCTPShutdownSent, "S-SENT", 61, false},
	{conntrack.SCTPShutdownReceived, "S-RECEIVED", 61, false},
	{conntrack.SCTPShutdownAckSent, "S-ACK-SENT", 61, false},
	{conntrack.SCTPRejected, "REJECTED", 4, false},
	{conntrack.SCTPClosed, "CLOSED", 61, false},
	{conntrack.TemplateNone, "NONE", 0, false},
	{conntrack.TemplateAssured, "ASSURED", 0, false},
}

func TestState_IsListedAndCountedAsInIPVS(t *testing.T) {
	timeouts := conntrack.NewTimeouts(900*time.Second, 120*time.Second, 300*time.Second)
	if len(listed) != int(conntrack.States) {
		t.Fatalf("%d states listed, want %d", len(listed), conntrack.States)
	}
	for i, want := range listed {
		s := want.state
		if int(s) != i {
			t.Errorf("%s has the number %d, want %d", want.name, s, i)
		}
		if s.String() != want.name {
			t.Errorf("state %d is called %s, want %s", s, s, want.name)
		}
		if timeouts[s] != want.seconds*int64(time.Second) {
			t.Errorf("state %d, %s, lasts %v, want %d s", s, s, time.Duration(timeouts[s]), want.seconds)
		}
		if s.Active() != want.active {
			t.Errorf("state %d, %s: active %v, want %v", s, s, s.Active(), want.active)
		}
		if assures := want.name == "ESTABLISHED"; conntrack.Assures(s) != assures {
			t.Errorf("state %d, %s: assures %v, want %v", s, s, !assures, assures)
		}
	}
}

func TestNewTimeouts_ChangesTheThreeOfSet(t *testing.T) {
	got := conntrack.NewTimeouts(900*time.Second, 120*time.Second, 300*time.Second)
	changed := conntrack.NewTimeouts(time.Second, 2*time.Second, 3*time.Second)
	for s := range conntrack.States {
		want := map[conntrack.State]int64{conntrack.TCPEstablished: 1, conntrack.TCPFinWait: 2, conntrack.UDP: 3}[s]
		if want *= int64(time.Second); want == 0 {
			want = got[s]
		}
		if changed[s] != want {
			t.Errorf("%v: %v, want %v", s, time.Duration(changed[s]), time.Duration(want))
		}
	}
}
