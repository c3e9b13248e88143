package conntrack_test

import (
	"fmt"
	"slices"
	"testing"

	"director/conntrack"
)

// chain is a table whose connections are all in one chain, in the order of their
// insertion.
type chain struct {
	*conntrack.Table
	t       *testing.T
	thinner *conntrack.Thinner
	n       int
}

func newChain(t *testing.T) *chain {
	table := seededTable(t, 256)
	return &chain{Table: table, t: t, thinner: table.Thinner(1)}
}

// add inserts a connection with the deadline left, in nanoseconds.
func (c *chain) add(s conntrack.State, packets uint32, left int64, parent *conntrack.Conn) conntrack.Conn {
	c.t.Helper()
	r := childRecord(1, parent, 0)
	c.n++
	r.VirtualPort, r.State, r.Packets, r.Deadline = uint16(c.n), s, packets, left
	return mustInsert(c.t, c.Table, r)
}

// thin makes the thinner search the chain once, and returns the removed connections.
func (c *chain) thin() (ended []conntrack.Conn) {
	c.t.Helper()
	canary := c.add(conntrack.TCPSynRecv, 1, 60*second, nil)
	for range 100_000 {
		seen := false
		c.thinner.Thin(0, &timeouts, func(dead *conntrack.Conn) {
			if seen = seen || dead.Ref() == canary.Ref(); dead.Ref() != canary.Ref() {
				ended = append(ended, *dead)
			}
		})
		if seen {
			return ended
		}
	}
	c.t.Fatal("the bucket was never chosen")
	return nil
}

// The state decides whether a connection is removed (ip_vs_random_dropentry).
func TestThinner_RemovesHalfOpenConnectionsAndSparesBusyOnes(t *testing.T) {
	for s := range conntrack.States {
		if s == conntrack.TemplateNone || s == conntrack.TemplateAssured {
			continue
		}
		for _, idle := range []bool{false, true} {
			c := newChain(t)
			left := timeouts[s]
			if idle {
				left -= 60 * second
			}
			c.add(s, 1, left, nil)
			want := 0
			switch s {
			case conntrack.TCPSynRecv, conntrack.TCPSynAck, conntrack.SCTPInit1, conntrack.SCTPInit:
				want = 1
			case conntrack.TCPEstablished, conntrack.SCTPEstablished, conntrack.UDP:
				if idle {
					want = 1
				}
			}
			if got := len(c.thin()); got != want {
				t.Errorf("state %d, %v, idle %v: %d ended, want %d", s, s, idle, got, want)
			}
		}
	}
}

// Of idle connections with n packets, the first and then every n-th is removed. Those with
// more than 8 packets or none stay (todrop_entry).
func TestThinner_RemovesEveryNthIdleConnection(t *testing.T) {
	for n := range uint32(16) {
		c := newChain(t)
		var all []conntrack.Conn
		for range 20 {
			all = append(all, c.add(conntrack.UDP, n, timeouts[conntrack.UDP]-60*second, nil))
		}
		count := 0 // connections in all rounds
		for round := range 3 {
			var want, left []conntrack.Conn
			for _, conn := range all {
				if n >= 1 && n <= 8 && count%int(n) == 0 {
					want = append(want, conn)
				} else {
					left = append(left, conn)
				}
				count++
			}
			got := c.thin()
			if !slices.EqualFunc(got, want, func(a, b conntrack.Conn) bool { return a.Ref() == b.Ref() }) {
				t.Fatalf("%d packets, round %d: %d ended, want %d, or others", n, round, len(got), len(want))
			}
			all = left
		}
	}
}

// A connection is idle if its last packet came at least a minute ago, to the nanosecond.
func TestThinner_WaitsAMinute(t *testing.T) {
	for _, s := range []conntrack.State{conntrack.TCPEstablished, conntrack.UDP, conntrack.SCTPEstablished} {
		c := newChain(t)
		for i := range int64(4) {
			c.add(s, 1, timeouts[s]-60*second+i, nil)
		}
		if got := len(c.thin()); got != 1 {
			t.Errorf("%v: %d ended, want the one that was idle for a minute", s, got)
		}
	}
}

func TestThinner_CountsEachNumberOfPacketsByItself(t *testing.T) {
	c := newChain(t)
	for range 3 {
		for n := uint32(1); n <= 8; n++ {
			c.add(conntrack.TCPEstablished, n, 0, nil)
		}
	}
	// There are three of each: all with 1 packet end, two with 2, one with each other count.
	ended := c.thin()
	if got, want := len(ended), 3+2+6; got != want {
		t.Errorf("%d ended, want %d", got, want)
	}
}

func TestThinner_RemovesTemplatesThatWereNeverAssured(t *testing.T) {
	for name, c := range map[string]struct {
		state    conntrack.State
		children int
		want     int
	}{
		"unused":                             {conntrack.TemplateNone, 0, 1},
		"assured":                            {conntrack.TemplateAssured, 0, 0},
		"used":                               {conntrack.TemplateNone, 2, 0},
		"used by one that goes":              {conntrack.TemplateNone, 1, 2},
		"assured, and used by one that goes": {conntrack.TemplateAssured, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			table := seededTable(t, 64)
			r := templateRecord(1, 300, 0)
			r.State = c.state
			template := mustInsert(t, table, r)
			for i := range c.children {
				child := childRecord(i+1, &template, 0)
				if i == 0 {
					child.State = conntrack.TCPSynRecv
				}
				mustInsert(t, table, child)
			}
			want := c.want
			if c.children == 2 {
				want = 1 // the half-open one
			}
			thinner, ended := table.Thinner(7), 0
			for range 5000 {
				thinner.Thin(0, &timeouts, func(*conntrack.Conn) { ended++ })
			}
			if ended != want || table.Used() != 1+c.children-want {
				t.Errorf("%d ended, %d are left, want %d ended", ended, table.Used(), want)
			}
		})
	}
}

func TestThinner_SparesWhatControlsOthers(t *testing.T) {
	c := newChain(t)
	control := c.add(conntrack.TCPSynRecv, 1, 0, nil)
	c.add(conntrack.TCPTimeWait, 1, 0, &control)
	if got := len(c.thin()); got != 0 {
		t.Errorf("%d ended, want none", got)
	}
}

func TestThinner_ChoosesAsTheSeedSays(t *testing.T) {
	run := func(seed uint64) (order []string) {
		table := seededTable(t, 4096)
		for n := range 2000 {
			mustInsert(t, table, halfOpenRecord(n, nil, 0))
		}
		thinner := table.Thinner(seed)
		for range thinner.Share() {
			thinner.Thin(0, &timeouts, func(c *conntrack.Conn) { order = append(order, fmt.Sprint(c.Key())) })
		}
		return order
	}
	a := run(5)
	if len(a) == 0 {
		t.Fatal("nothing ended")
	}
	if !slices.Equal(a, run(5)) {
		t.Error("the same seed ends others")
	}
	if slices.Equal(a, run(6)) {
		t.Error("another seed ends the same")
	}
}

// The share is one in 32 buckets. A table has one bucket for two connections.
func TestThinner_LooksThroughAShareOfTheTable(t *testing.T) {
	for size, want := range map[int]int{1: 1, 64: 1, 4096: 64, 1 << 20: 16384} {
		if got := newTable(t, size).Thinner(1).Share(); got != want {
			t.Errorf("of a table of %d: %d buckets, want %d", size, got, want)
		}
	}
}

// A client's packets are counted, answers are not. The count does not wrap around.
func TestObserve_CountsTheClientsPackets(t *testing.T) {
	for _, dir := range []conntrack.Direction{conntrack.In, conntrack.InOnly, conntrack.Out} {
		for packets := range 40 {
			c := newChain(t)
			conn := c.add(conntrack.UDP, 1, 0, nil)
			for range packets {
				c.Observe(&conn, dir, conntrack.Datagram, -60*second, &conntrack.Normal, &timeouts)
			}
			want := 0
			if dir == conntrack.Out || packets < 8 {
				want = 1 // at most 8 packets, the first included
			}
			if got := len(c.thin()); got != want {
				t.Errorf("direction %d, %d packets after the first: %d ended, want %d", dir, packets, got, want)
			}
		}
	}
}
