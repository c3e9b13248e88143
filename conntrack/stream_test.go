package conntrack_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"director/conntrack"
)

const (
	syn = 0x02
	rst = 0x04
	ack = 0x10
)

// tracked returns a table that tracks streams, with a connection of that port.
func tracked(t *testing.T, port uint16) (*conntrack.Table, conntrack.Conn) {
	t.Helper()
	table := table(t, 1000)
	if err := table.TrackStreams(); err != nil {
		t.Fatal(err)
	}
	return table, shadowed(t, table, port, conntrack.TCPSynRecv, nil)
}

// handshake opens a connection whose numbers begin at c and s.
func handshake(table *conntrack.Table, conn *conntrack.Conn, c, s uint32) {
	table.Expected(conn, conntrack.In, conntrack.Segment{Seq: c, Len: 1, Flags: syn})
	table.Expected(conn, conntrack.Out, conntrack.Segment{Seq: s, Ack: c + 1, Len: 1, Flags: syn | ack})
	table.Expected(conn, conntrack.In, conntrack.Segment{Seq: c + 1, Ack: s + 1, Flags: ack})
}

// Random exchanges over a network that loses and repeats segments in front of the director:
// at any time it expects the reset that the receiver expects, and none with another number.
func TestStreams_FollowTheReceiver(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 5961))
		table, conn := tracked(t, 40000)
		begin := r.Uint32()
		handshake(table, &conn, begin, 7000)
		const size = 100
		sent, received := begin+1, map[uint32]bool{} // segments that the server has, by their number
		next := sent                                 // the number that the server expects
		for range 200 {
			at := sent - size*min(r.Uint32N(4), (sent-begin-1)/size)
			if r.IntN(5) > 0 { // the segment arrives
				table.Expected(&conn, conntrack.In, conntrack.Segment{Seq: at, Ack: 7001, Len: size, Flags: ack})
				received[at] = true
				for received[next] {
					next += size
				}
				if r.IntN(2) == 0 {
					table.Expected(&conn, conntrack.Out, conntrack.Segment{Seq: 7001, Ack: next, Flags: ack})
				}
			}
			if at == sent && received[at] && next+3*size > sent {
				sent += size
			}
		}
		table.Expected(&conn, conntrack.Out, conntrack.Segment{Seq: 7001, Ack: next, Flags: ack})
		if !table.Expected(&conn, conntrack.In, conntrack.Segment{Seq: next, Flags: rst}) {
			t.Errorf("seed %d: the reset that the server expects is not expected", seed)
		}
		for _, n := range []uint32{next - 1, next + 1, next - size, next + size, begin, r.Uint32()} {
			if n != next && table.Expected(&conn, conntrack.In, conntrack.Segment{Seq: n, Flags: rst}) {
				t.Errorf("seed %d: a reset with %d is expected, the server expects %d", seed, n, next)
			}
		}
	}
}

// A connection that another director has begun is known by its acknowledgements only.
func TestStreams_OfARestoredConnection(t *testing.T) {
	table, conn := tracked(t, 40000)
	reset := func(n uint32) bool {
		return table.Expected(&conn, conntrack.In, conntrack.Segment{Seq: n, Flags: rst})
	}
	if reset(0) || reset(5) {
		t.Error("a reset is expected although nothing is known")
	}
	// A segment that a stranger may have sent proves nothing.
	table.Expected(&conn, conntrack.In, conntrack.Segment{Seq: 500, Ack: 1, Len: 10, Flags: ack})
	if reset(500) || reset(510) {
		t.Error("a reset is expected because of a segment of the same side")
	}
	table.Expected(&conn, conntrack.In, conntrack.Segment{Seq: 4000, Ack: 1, Len: 10, Flags: ack})
	table.Expected(&conn, conntrack.Out, conntrack.Segment{Seq: 1, Ack: 4010, Flags: ack})
	if !reset(4010) {
		t.Error("the acknowledged number is not expected")
	}
}

func TestStreams_AreForgottenWithTheConnection(t *testing.T) {
	table, conn := tracked(t, 40000)
	handshake(table, &conn, 1000, 7000)
	var ended [2]conntrack.Conn
	if n := table.Remove(conn.Ref(), &ended); n != 1 {
		t.Fatalf("%d connections removed", n)
	}
	again := shadowed(t, table, 40000, conntrack.TCPSynRecv, nil)
	if table.Expected(&again, conntrack.In, conntrack.Segment{Seq: 1001, Flags: rst}) {
		t.Error("the number of the connection before is expected")
	}
}

func TestStreams_AreCopiedToAShadow(t *testing.T) {
	table, conn := tracked(t, 40000)
	handshake(table, &conn, 1000, 7000)
	s := shadowOf(t, table, 10, 40000)
	key := conn.Key()
	hash := s.Hash(key.Client, key.ClientPort, key.Proto)
	flow := flowOf(key)
	var twin conntrack.Conn
	if !s.FindIn(hash, &flow, &twin) {
		t.Fatal("the shadow has no copy")
	}
	for n, want := range map[uint32]bool{1001: true, 1002: false} {
		if got := s.Expected(&twin, conntrack.In, conntrack.Segment{Seq: n, Flags: rst}); got != want {
			t.Errorf("%d: expected %v, want %v", n, got, want)
		}
	}
}

// Both directions are followed by different workers. The detector of races must be content,
// and what was sent last is known.
func TestStreams_OfTwoWorkers(t *testing.T) {
	table, conn := tracked(t, 40000)
	handshake(table, &conn, 1000, 7000)
	var both sync.WaitGroup
	for _, dir := range []conntrack.Direction{conntrack.In, conntrack.Out} {
		both.Go(func() {
			c := conn
			seq, other := uint32(1001), uint32(7001)
			if dir == conntrack.Out {
				seq, other = other, seq
			}
			for i := range uint32(1000) {
				table.Expected(&c, dir, conntrack.Segment{Seq: seq + i, Ack: other, Len: 1, Flags: ack})
			}
		})
	}
	both.Wait()
	if !table.Expected(&conn, conntrack.In, conntrack.Segment{Seq: 2001, Flags: rst}) {
		t.Error("the number after all that was sent is not expected")
	}
}
