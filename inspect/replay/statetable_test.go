package replay_test

import (
	"strings"
	"testing"
)

// The tests of this file check each row of the state machines in §3.3 and §3.4 of the IPVS
// sheet. testdata/README.md says what the IPVS sheet is.

// states holds the states of a protocol by their abbreviation in the tables, with the
// printed name and the time-out in seconds.
type states map[string]struct {
	name    string
	seconds int
}

var tcpStates = states{
	"NO": {"NONE", 2}, "ES": {"ESTABLISHED", 900}, "SS": {"SYN_SENT", 120}, "SR": {"SYN_RECV", 60},
	"FW": {"FIN_WAIT", 120}, "TW": {"TIME_WAIT", 120}, "CL": {"CLOSE", 10}, "CW": {"CLOSE_WAIT", 60},
	"LA": {"LAST_ACK", 30}, "LI": {"LISTEN", 120}, "SA": {"SYNACK", 120},
}

var sctpStates = states{
	"NO": {"NONE", 2}, "I1": {"INIT1", 4}, "IN": {"INIT", 61}, "CS": {"C-SENT", 61}, "CR": {"C-REPLIED", 61},
	"CW": {"C-WAIT", 61}, "CO": {"COOKIE", 61}, "CE": {"C-ECHOED", 61}, "ES": {"ESTABLISHED", 900},
	"SS": {"S-SENT", 61}, "SR": {"S-RECEIVED", 61}, "SA": {"S-ACK-SENT", 61}, "RJ": {"REJECTED", 4}, "CL": {"CLOSED", 61},
}

// table holds the next state for a state, a direction and an event.
type table map[cell]string

type cell struct{ state, direction, event string }

// The directions: from the client and from the server, if the director sees both; from
// the client, if it does not see the answers.
const (
	input     = "IN"
	output    = "OUT"
	inputOnly = "INONLY"
)

const tcpRows = `
| current state | IN: SYN | IN: FIN | IN: ACK | IN: RST | OUT: SYN | OUT: FIN | OUT: ACK | OUT: RST | INONLY: SYN | INONLY: FIN | INONLY: ACK | INONLY: RST |
| NO | SR | CL | ES | CL | SS | TW | ES | CL | SR | CL | ES | CL |
| ES | ES | CW | ES | CL | ES | FW | ES | CL | ES | FW | ES | CL |
| SS | ES | SS | SS | CL | SS | SS | SS | SS | ES | SS | SS | CL |
| SR | SR | TW | ES | SR | SR | TW | ES | CL | SR | TW | ES | SR |
| FW | SR | TW | FW | CL | SS | FW | FW | CL | SR | FW | FW | CL |
| TW | SR | TW | TW | CL | SS | TW | TW | TW | SR | TW | TW | CL |
| CL | SR | CL | CL | CL | SS | CL | CL | CL | SR | CL | CL | CL |
| CW | SR | CW | CW | CL | SS | TW | CW | CL | SR | CW | CW | CL |
| LA | SR | LA | CL | LA | SS | LA | LA | CL | SR | LA | CL | LA |
| LI | SR | LI | LI | LI | LI | LI | ES | CL | SR | LI | LI | LI |
| SA | SR | TW | ES | SR | SR | TW | ES | CL | SR | TW | ES | CL |
`

// secureRows holds the rows that differ with secure_tcp.
const secureRows = `
| current state | IN: SYN | IN: FIN | IN: ACK | IN: RST | OUT: SYN | INONLY: SYN |
| SR | SR | TW | SR | SR | SA | SR |
| SA | SA | SA | SA | CL | SA | SA |
| NO | SR | CL | ES | CL | SS | SA |
| FW | SR | TW | FW | CL | SS | SA |
| TW | SR | TW | TW | CL | SS | SA |
| CL | SR | CL | CL | CL | SS | SA |
| CW | SR | CW | CW | CL | SS | SA |
| LA | SR | LA | CL | LA | SS | SA |
| LI | SR | LI | LI | LI | LI | SA |
`

const sctpInputRows = `
| cur | DATA | INIT | INIT-ACK | C-ECHO | C-ACK | SHUTDOWN | SHUT-ACK | SHUT-COMPL | ERROR | ABORT |
| NO | ES | I1 | CW | CR | ES | SR | CL | CL | CL | CL |
| I1 | I1 | IN | CW | IN | I1 | I1 | IN | CL | I1 | CL |
| IN | IN | IN | CW | IN | IN | IN | IN | CL | IN | CL |
| CS | CS | CS | CS | CR | CS | CS | CS | CS | CS | CL |
| CR | CR | CR | CR | CR | CR | CR | CR | CR | CR | CL |
| CW | CW | CW | CO | CW | CW | CW | CW | CW | CW | RJ |
| CO | CO | CO | CO | CO | CO | CO | CO | CO | CO | CL |
| CE | CE | CE | CE | CE | ES | CE | CE | CE | CL | CL |
| ES | ES | ES | ES | ES | ES | SR | ES | ES | ES | CL |
| SS | SS | SS | SS | SS | SS | SS | CL | SS | SS | CL |
| SR | SR | SR | SR | SR | SR | SR | SR | SR | SR | CL |
| SA | SA | SA | SA | SA | SA | SA | CL | CL | SA | CL |
| RJ | RJ | IN | RJ | RJ | RJ | RJ | RJ | RJ | RJ | CL |
| CL | CL | IN | CL | CL | CL | CL | CL | CL | CL | CL |
`

const sctpOutputRows = `
| cur | DATA | INIT | INIT-ACK | C-ECHO | C-ACK | SHUTDOWN | SHUT-ACK | SHUT-COMPL | ERROR | ABORT |
| NO | ES | CW | CS | CE | ES | SS | SA | CL | CL | CL |
| I1 | I1 | CW | CS | CE | ES | SS | SA | I1 | CL | RJ |
| IN | IN | CW | CS | CE | ES | SS | SA | IN | CL | CL |
| CS | CS | CW | CS | CE | ES | SS | SA | CS | CL | CL |
| CR | CR | CW | CR | CE | ES | SS | SA | CR | CL | CL |
| CW | CW | CW | CW | CE | ES | SS | CW | CW | CW | CL |
| CO | CO | CW | CO | CE | ES | SS | CO | CO | CO | CL |
| CE | CE | CW | CE | CE | ES | SS | CE | CE | CE | CL |
| ES | ES | ES | ES | ES | ES | SS | ES | ES | ES | CL |
| SS | SS | CW | SS | SS | SS | SS | SA | SS | SS | CL |
| SR | SR | CW | SR | SR | SR | SR | SA | SR | SR | CL |
| SA | SA | CW | SA | SA | SA | SA | SA | SA | SA | CL |
| RJ | RJ | CW | RJ | RJ | RJ | RJ | RJ | RJ | RJ | CL |
| CL | CL | CW | CL | CL | CL | CL | CL | CL | CL | CL |
`

const sctpInputOnlyRows = `
| cur | DATA | INIT | INIT-ACK | C-ECHO | C-ACK | SHUTDOWN | SHUT-ACK | SHUT-COMPL | ERROR | ABORT |
| NO | ES | I1 | CE | ES | ES | SR | CL | CL | CL | CL |
| I1 | I1 | IN | CE | ES | I1 | I1 | IN | CL | I1 | CL |
| IN | IN | IN | CE | ES | IN | IN | IN | CL | IN | CL |
| CS | CS | IN | CE | ES | ES | CS | CS | CL | CS | CL |
| CR | CR | IN | CE | ES | ES | CR | CR | CL | CR | CL |
| CW | ES | IN | CE | ES | CW | CW | CW | CW | CW | RJ |
| CO | CO | CO | CO | CO | ES | CO | CO | CO | CO | CL |
| CE | CE | CE | CE | CE | ES | CE | CE | CE | CE | CL |
| ES | ES | ES | ES | ES | ES | SR | CL | ES | ES | CL |
| SS | SS | SS | SS | SS | SS | SS | CL | SS | SS | CL |
| SR | SR | SR | SR | SR | SR | SR | SR | CL | SR | CL |
| SA | SA | SA | SA | SA | SA | SA | CL | CL | SA | CL |
| RJ | RJ | IN | RJ | RJ | RJ | RJ | RJ | RJ | RJ | CL |
| CL | CL | IN | CL | CL | CL | CL | CL | CL | CL | CL |
`

// read adds rows to the table. A heading without a direction is for the given direction.
func (t table) read(rows, direction string) {
	var head []string
	for line := range strings.Lines(strings.TrimSpace(rows)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | ")
		if head == nil {
			head = cells
			continue
		}
		for i, next := range cells[1:] {
			d, event, ok := strings.Cut(head[i+1], ": ")
			if !ok {
				d, event = direction, head[i+1]
			}
			t[cell{cells[0], d, event}] = next
		}
	}
}

// tcpTable also has the event of a segment without any of the four flags: it closes.
func tcpTable(secure bool) table {
	t := table{}
	t.read(tcpRows, "")
	if secure {
		t.read(secureRows, "")
	}
	for state := range tcpStates {
		for _, d := range []string{input, output, inputOnly} {
			t[cell{state, d, "none"}] = "CL"
		}
	}
	return t
}

func sctpTable() table {
	t := table{}
	t.read(sctpInputRows, input)
	t.read(sctpOutputRows, output)
	t.read(sctpInputOnlyRows, inputOnly)
	return t
}

func TestStateTables_AreWhole(t *testing.T) {
	for name, test := range map[string]struct {
		table
		states
		events int
	}{
		"TCP": {tcpTable(false), tcpStates, 5}, "TCP, secure": {tcpTable(true), tcpStates, 5},
		"SCTP": {sctpTable(), sctpStates, 10},
	} {
		if want := len(test.states) * 3 * test.events; len(test.table) != want {
			t.Errorf("%s: %d cells, want %d", name, len(test.table), want)
		}
		for c, next := range test.table {
			if test.states[next].name == "" {
				t.Errorf("%s: %v leads to %q", name, c, next)
			}
		}
	}
}
