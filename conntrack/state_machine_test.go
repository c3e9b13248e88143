package conntrack_test

import (
	"strings"
	"testing"

	"director/conntrack"
)

// The tables below are those of IPVS, in the usual form: a row for each state, with the
// successor for each event.

var tcpStates = map[string]conntrack.State{
	"NO": conntrack.TCPNone, "ES": conntrack.TCPEstablished, "SS": conntrack.TCPSynSent,
	"SR": conntrack.TCPSynRecv, "FW": conntrack.TCPFinWait, "TW": conntrack.TCPTimeWait,
	"CL": conntrack.TCPClose, "CW": conntrack.TCPCloseWait, "LA": conntrack.TCPLastAck,
	"LI": conntrack.TCPListen, "SA": conntrack.TCPSynAck,
}

// Columns: SYN, FIN, ACK, RST for packets in, out and in only.
const normalTCP = `
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

const secureTCP = `
NO  SR CL ES CL  SS TW ES CL  SA CL ES CL
ES  ES CW ES CL  ES FW ES CL  ES FW ES CL
SS  ES SS SS CL  SS SS SS SS  ES SS SS CL
SR  SR TW SR SR  SA TW ES CL  SR TW ES SR
FW  SR TW FW CL  SS FW FW CL  SA FW FW CL
TW  SR TW TW CL  SS TW TW TW  SA TW TW CL
CL  SR CL CL CL  SS CL CL CL  SA CL CL CL
CW  SR CW CW CL  SS TW CW CL  SA CW CW CL
LA  SR LA CL LA  SS LA LA CL  SA LA CL LA
LI  SR LI LI LI  LI LI ES CL  SA LI LI LI
SA  SA SA SA CL  SA TW ES CL  SA TW ES CL`

var sctpStates = map[string]conntrack.State{
	"NO": conntrack.SCTPNone, "I1": conntrack.SCTPInit1, "IN": conntrack.SCTPInit,
	"CS": conntrack.SCTPCookieSent, "CR": conntrack.SCTPCookieReplied, "CW": conntrack.SCTPCookieWait,
	"CO": conntrack.SCTPCookie, "CE": conntrack.SCTPCookieEchoed, "ES": conntrack.SCTPEstablished,
	"SS": conntrack.SCTPShutdownSent, "SR": conntrack.SCTPShutdownReceived,
	"SA": conntrack.SCTPShutdownAckSent, "RJ": conntrack.SCTPRejected, "CL": conntrack.SCTPClosed,
}

// Columns: DATA, INIT, INIT ACK, COOKIE ECHO, COOKIE ACK, SHUTDOWN, SHUTDOWN
// ACK, SHUTDOWN COMPLETE, ERROR, ABORT; a table for each direction.
const (
	sctpIn = `
NO  ES I1 CW CR ES SR CL CL CL CL
I1  I1 IN CW IN I1 I1 IN CL I1 CL
IN  IN IN CW IN IN IN IN CL IN CL
CS  CS CS CS CR CS CS CS CS CS CL
CR  CR CR CR CR CR CR CR CR CR CL
CW  CW CW CO CW CW CW CW CW CW RJ
CO  CO CO CO CO CO CO CO CO CO CL
CE  CE CE CE CE ES CE CE CE CL CL
ES  ES ES ES ES ES SR ES ES ES CL
SS  SS SS SS SS SS SS CL SS SS CL
SR  SR SR SR SR SR SR SR SR SR CL
SA  SA SA SA SA SA SA CL CL SA CL
RJ  RJ IN RJ RJ RJ RJ RJ RJ RJ CL
CL  CL IN CL CL CL CL CL CL CL CL`

	sctpOut = `
NO  ES CW CS CE ES SS SA CL CL CL
I1  I1 CW CS CE ES SS SA I1 CL RJ
IN  IN CW CS CE ES SS SA IN CL CL
CS  CS CW CS CE ES SS SA CS CL CL
CR  CR CW CR CE ES SS SA CR CL CL
CW  CW CW CW CE ES SS CW CW CW CL
CO  CO CW CO CE ES SS CO CO CO CL
CE  CE CW CE CE ES SS CE CE CE CL
ES  ES ES ES ES ES SS ES ES ES CL
SS  SS CW SS SS SS SS SA SS SS CL
SR  SR CW SR SR SR SR SA SR SR CL
SA  SA CW SA SA SA SA SA SA SA CL
RJ  RJ CW RJ RJ RJ RJ RJ RJ RJ CL
CL  CL CW CL CL CL CL CL CL CL CL`

	sctpInOnly = `
NO  ES I1 CE ES ES SR CL CL CL CL
I1  I1 IN CE ES I1 I1 IN CL I1 CL
IN  IN IN CE ES IN IN IN CL IN CL
CS  CS IN CE ES ES CS CS CL CS CL
CR  CR IN CE ES ES CR CR CL CR CL
CW  ES IN CE ES CW CW CW CW CW RJ
CO  CO CO CO CO ES CO CO CO CO CL
CE  CE CE CE CE ES CE CE CE CE CL
ES  ES ES ES ES ES SR CL ES ES CL
SS  SS SS SS SS SS SS CL SS SS CL
SR  SR SR SR SR SR SR SR CL SR CL
SA  SA SA SA SA SA SA CL CL SA CL
RJ  RJ IN RJ RJ RJ RJ RJ RJ RJ CL
CL  CL IN CL CL CL CL CL CL CL CL`
)

var (
	tcpEvents = []conntrack.Event{conntrack.Syn, conntrack.Fin, conntrack.Ack, conntrack.Reset}
	chunks    = []conntrack.Event{
		conntrack.ChunkData, conntrack.ChunkInit, conntrack.ChunkInitAck, conntrack.ChunkCookieEcho,
		conntrack.ChunkCookieAck, conntrack.ChunkShutdown, conntrack.ChunkShutdownAck,
		conntrack.ChunkShutdownComplete, conntrack.ChunkError, conntrack.ChunkAbort,
	}
	dirs = []conntrack.Direction{conntrack.In, conntrack.Out, conntrack.InOnly}
)

func TestMachine_IsTheKernelsTableOfTCP(t *testing.T) {
	for name, c := range map[string]struct {
		secure bool
		table  string
	}{"normal": {false, normalTCP}, "secure": {true, secureTCP}} {
		m := conntrack.MachineFor(c.secure)
		for from, row := range rows(t, c.table, tcpStates, len(dirs)*len(tcpEvents)) {
			for i, want := range row {
				dir, ev := dirs[i/len(tcpEvents)], tcpEvents[i%len(tcpEvents)]
				if got := m[dir][ev][from]; got != want {
					t.Errorf("%s: %v, direction %d, event %d: %v, want %v", name, from, dir, ev, got, want)
				}
			}
			for _, dir := range dirs {
				if got := m[dir][conntrack.Other][from]; got != conntrack.TCPClose {
					t.Errorf("%s: %v, direction %d, a segment without flags: %v, want CLOSE", name, from, dir, got)
				}
			}
		}
	}
}

func TestMachine_IsTheKernelsTableOfSCTP(t *testing.T) {
	for dir, table := range map[conntrack.Direction]string{
		conntrack.In: sctpIn, conntrack.Out: sctpOut, conntrack.InOnly: sctpInOnly,
	} {
		for from, row := range rows(t, table, sctpStates, len(chunks)) {
			for i, want := range row {
				for _, secure := range []bool{false, true} {
					if got := conntrack.MachineFor(secure)[dir][chunks[i]][from]; got != want {
						t.Errorf("%v, direction %d, event %d: %v, want %v", from, dir, chunks[i], got, want)
					}
				}
			}
		}
	}
}

// A new connection of any protocol is TCPNone. Its first packet shows the protocol.
func TestMachine_BeginsWithAnyProtocol(t *testing.T) {
	for _, secure := range []bool{false, true} {
		m := conntrack.MachineFor(secure)
		for _, dir := range dirs {
			if got := m[dir][conntrack.Datagram][conntrack.TCPNone]; got != conntrack.UDP {
				t.Errorf("direction %d, a datagram: %v, want UDP", dir, got)
			}
			for _, ev := range chunks {
				got, want := m[dir][ev][conntrack.TCPNone], m[dir][ev][conntrack.SCTPNone]
				if got != want {
					t.Errorf("direction %d, event %d: %v, want %v", dir, ev, got, want)
				}
			}
		}
	}
}

func TestMachine_KeepsWhatAnEventIsNotFor(t *testing.T) {
	foreign := map[conntrack.State][]conntrack.Event{
		conntrack.UDP:             nil,
		conntrack.TemplateNone:    nil,
		conntrack.TemplateAssured: nil,
	}
	for _, s := range tcpStates {
		if s != conntrack.TCPNone {
			foreign[s] = append([]conntrack.Event{conntrack.Datagram}, chunks...)
		}
	}
	for _, s := range sctpStates {
		foreign[s] = append([]conntrack.Event{conntrack.Datagram, conntrack.Other}, tcpEvents...)
	}
	every := append([]conntrack.Event{conntrack.Datagram, conntrack.Other}, append(tcpEvents, chunks...)...)
	for s, evs := range foreign {
		if evs == nil {
			evs = every
		}
		for _, dir := range dirs {
			for _, ev := range evs {
				for _, secure := range []bool{false, true} {
					if got := conntrack.MachineFor(secure)[dir][ev][s]; got != s {
						t.Errorf("state %d, %v, direction %d, event %d: %v, want no change", s, s, dir, ev, got)
					}
				}
			}
		}
	}
}

// rows parses a table and returns the row of each state. A row holds n states.
func rows(t *testing.T, table string, states map[string]conntrack.State, n int) map[conntrack.State][]conntrack.State {
	t.Helper()
	all := map[conntrack.State][]conntrack.State{}
	for line := range strings.Lines(strings.TrimSpace(table)) {
		var row []conntrack.State
		for _, word := range strings.Fields(line) {
			s, ok := states[word]
			if !ok {
				t.Fatalf("%q: no state %q", line, word)
			}
			row = append(row, s)
		}
		if len(row) != n+1 {
			t.Fatalf("%q: %d states, want %d", line, len(row), n+1)
		}
		all[row[0]] = row[1:]
	}
	if len(all) != len(states) {
		t.Fatalf("%d rows, want %d", len(all), len(states))
	}
	return all
}
