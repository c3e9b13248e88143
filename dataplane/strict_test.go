package dataplane_test

import (
	"testing"

	"director/conntrack"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// The connection of these tests: the client's numbers begin at 1000, the server's at 7000.
const (
	clientISN = 1000
	serverISN = 7000
)

// tcpSegment is a segment of that connection, from the client unless server says otherwise.
type tcpSegment struct {
	server   bool
	flags    string
	seq, ack uint32
	len      int
}

// opening is a handshake, 100 bytes of the client, which the server acknowledges, and 50
// bytes of the server, which the client acknowledges. So the client's next number is 1101,
// and the server's 7051.
var opening = []tcpSegment{
	{flags: "S", seq: clientISN},
	{server: true, flags: "SA", seq: serverISN, ack: clientISN + 1},
	{flags: "A", seq: clientISN + 1, ack: serverISN + 1},
	{flags: "PA", seq: clientISN + 1, ack: serverISN + 1, len: 100},
	{server: true, flags: "PA", seq: serverISN + 1, ack: clientISN + 101, len: 50},
	{flags: "A", seq: clientISN + 101, ack: serverISN + 51},
}

// exchange sends segments and fails unless each is forwarded.
func (r *rig) exchange(segments ...tcpSegment) {
	r.t.Helper()
	for _, s := range segments {
		f := packettest.Frame{Flags: s.flags, Seq: s.seq, Ack: s.ack, Payload: make([]byte, s.len)}
		from, to := 0, 1
		if s.server {
			from, to = 1, 0
			r.ports[from][0].Push(fromServer(1, 40000, f))
		} else {
			r.ports[from][0].Push(fromClient(40000, f))
		}
		r.step()
		if n := len(r.ports[to][0].Take()); n != 1 {
			r.t.Fatalf("%+v: %d frames sent, want it forwarded", s, n)
		}
	}
}

// state returns the state of the only connection.
func (r *rig) state() conntrack.State {
	r.t.Helper()
	list := r.shared.Conns().List()
	if len(list) != 1 {
		r.t.Fatalf("%d connections, want 1", len(list))
	}
	return list[0].State
}

// A reset is forwarded in any case, because its receiver decides. It ends the connection
// only if its receiver accepts it.
func TestStrict_OnlyExpectedResetsEndAConnection(t *testing.T) {
	const established, closed = conntrack.TCPEstablished, conntrack.TCPClose
	for name, c := range map[string]struct {
		lax    bool // without --tcp-strict
		before []tcpSegment
		last   tcpSegment
		want   conntrack.State
	}{
		"IPVS":                          {lax: true, last: tcpSegment{flags: "R", seq: 5}, want: closed},
		"blind":                         {last: tcpSegment{flags: "R", seq: 5}, want: established},
		"blind, with ACK":               {last: tcpSegment{flags: "RA", seq: 5, ack: serverISN + 51}, want: established},
		"one too low":                   {last: tcpSegment{flags: "R", seq: clientISN + 100}, want: established},
		"one too high":                  {last: tcpSegment{flags: "R", seq: clientISN + 102}, want: established},
		"within the window":             {last: tcpSegment{flags: "R", seq: clientISN + 5000}, want: established},
		"the next number":               {last: tcpSegment{flags: "R", seq: clientISN + 101}, want: closed},
		"the server's, blind":           {last: tcpSegment{server: true, flags: "R", seq: 5}, want: established},
		"the server's, the client's":    {last: tcpSegment{server: true, flags: "R", seq: clientISN + 101}, want: established},
		"the server's next number":      {last: tcpSegment{server: true, flags: "RA", seq: serverISN + 51}, want: closed},
		"no flags, IPVS":                {lax: true, last: tcpSegment{seq: 5}, want: closed},
		"no flags":                      {last: tcpSegment{seq: 5}, want: established},
		"what is not acknowledged":      {before: []tcpSegment{{flags: "A", seq: clientISN + 101, ack: serverISN + 51, len: 10}}, last: tcpSegment{flags: "R", seq: clientISN + 111}, want: closed},
		"what the server acknowledged":  {before: []tcpSegment{{flags: "A", seq: clientISN + 101, ack: serverISN + 51, len: 10}}, last: tcpSegment{flags: "R", seq: clientISN + 101}, want: closed},
		"after a forged tcpSegment":     {before: []tcpSegment{{flags: "A", seq: 90_000, ack: serverISN + 51, len: 10}}, last: tcpSegment{flags: "R", seq: 90_010}, want: established},
		"after a forged SYN":            {before: []tcpSegment{{flags: "S", seq: 90_000}}, last: tcpSegment{flags: "R", seq: 90_001}, want: established},
		"after a forged acknowledgment": {before: []tcpSegment{{flags: "A", seq: clientISN + 101, ack: 90_000}}, last: tcpSegment{server: true, flags: "R", seq: 90_000}, want: established},
		"after a gap that was filled": {before: []tcpSegment{
			{flags: "A", seq: clientISN + 201, ack: serverISN + 51, len: 100}, // the segment before it was lost
			{flags: "A", seq: clientISN + 101, ack: serverISN + 51, len: 100},
			{server: true, flags: "A", seq: serverISN + 51, ack: clientISN + 301},
		}, last: tcpSegment{flags: "R", seq: clientISN + 301}, want: closed},
		"the answer to a challenge": {before: []tcpSegment{
			{flags: "R", seq: clientISN + 102},
			{server: true, flags: "A", seq: serverISN + 51, ack: clientISN + 101},
		}, last: tcpSegment{flags: "R", seq: clientISN + 101}, want: closed},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, options{strict: !c.lax, weights: []int32{1}})
			r.exchange(opening...)
			r.exchange(c.before...)
			doubted := r.counts().Doubted
			r.exchange(c.last)
			if got := r.state(); got != c.want {
				t.Errorf("the connection is in %v, want %v", got, c.want)
			}
			reset := len(c.last.flags) > 0
			if got := r.counts().Doubted - doubted; (got == 1) != (reset && c.want == established) {
				t.Errorf("%d resets doubted", got)
			}
		})
	}
}

// A server that refuses a connection has no number of its own: it acknowledges the SYN.
func TestStrict_ARefusalEndsAConnection(t *testing.T) {
	for ack, want := range map[uint32]conntrack.State{clientISN + 1: conntrack.TCPClose, clientISN: conntrack.TCPSynRecv} {
		r := newRig(t, options{strict: true, weights: []int32{1}})
		r.exchange(tcpSegment{flags: "S", seq: clientISN}, tcpSegment{server: true, flags: "RA", ack: ack})
		if got := r.state(); got != want {
			t.Errorf("acknowledging %d: %v, want %v", ack, got, want)
		}
	}
}

// The same ports begin another connection: the numbers of the last one are forgotten.
func TestStrict_ANewConnectionHasNewNumbers(t *testing.T) {
	r := newRig(t, options{strict: true, weights: []int32{1}})
	r.exchange(opening...)
	r.exchange(tcpSegment{flags: "R", seq: clientISN + 101})
	r.exchange(tcpSegment{flags: "S", seq: 500_000}, tcpSegment{server: true, flags: "SA", seq: 600_000, ack: 500_001},
		tcpSegment{flags: "A", seq: 500_001, ack: 600_001})
	r.exchange(tcpSegment{flags: "R", seq: clientISN + 101})
	if got := r.state(); got != conntrack.TCPEstablished {
		t.Errorf("the old number ended it: %v", got)
	}
	r.exchange(tcpSegment{server: true, flags: "R", seq: 600_001})
	if got := r.state(); got != conntrack.TCPClose {
		t.Errorf("the server's reset did not end it: %v", got)
	}
}

// A connection that closes in order goes through the states as without --tcp-strict.
func TestStrict_LeavesTheOtherStates(t *testing.T) {
	var states [2][]conntrack.State
	for i, strict := range []bool{false, true} {
		r := newRig(t, options{strict: strict, weights: []int32{1}})
		for _, s := range append(opening[:len(opening):len(opening)],
			tcpSegment{flags: "FA", seq: clientISN + 101, ack: serverISN + 51},
			tcpSegment{server: true, flags: "A", seq: serverISN + 51, ack: clientISN + 102},
			tcpSegment{server: true, flags: "FA", seq: serverISN + 51, ack: clientISN + 102},
			tcpSegment{flags: "A", seq: clientISN + 102, ack: serverISN + 52}) {
			r.exchange(s)
			states[i] = append(states[i], r.state())
		}
	}
	for k, want := range states[0] {
		if got := states[1][k]; got != want {
			t.Errorf("tcpSegment %d: %v, want %v as without --tcp-strict", k, got, want)
		}
	}
}

// Where the answers do not pass through the director, it cannot know what a server expects.
func TestStrict_BelievesResetsOfDirectRouting(t *testing.T) {
	r := newRig(t, options{strict: true, method: service.DR, weights: []int32{1}})
	r.exchange(tcpSegment{flags: "S", seq: clientISN}, tcpSegment{flags: "A", seq: clientISN + 1})
	r.exchange(tcpSegment{flags: "R", seq: 5})
	if got := r.state(); got != conntrack.TCPClose {
		t.Errorf("the connection is in %v, want %v", got, conntrack.TCPClose)
	}
}

func TestStrict_DoesNotAllocate(t *testing.T) {
	r := newRig(t, options{strict: true, weights: []int32{1}})
	w, p := r.oneArmed(clients(1000, packettest.Frame{Flags: "S"}), clients(1000, packettest.Frame{Flags: "A"}), clients(1000, packettest.Frame{Flags: "R"}))
	step := func() {
		if _, err := w.Step(); err != nil {
			t.Fatal(err)
		}
	}
	step()
	step()
	p.rounds, p.next = p.rounds[1:], 0
	if n := testing.AllocsPerRun(10, step); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	if p.sent < packet.BatchSize {
		t.Errorf("%d frames sent, want at least %d", p.sent, packet.BatchSize)
	}
}
