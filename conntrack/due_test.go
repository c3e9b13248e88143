package conntrack_test

import (
	"math/rand/v2"
	"testing"

	"director/conntrack"
	"director/packet"
)

// Deadlines change at random. Each connection expires exactly at its last deadline.
func TestSweeper_DueEndsEachConnectionAtItsTime(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	timeouts := conntrack.Timeouts{conntrack.UDP: 7 * second}
	const soonest, shares = 2 * second, 3
	table := newTable(t, 3000)
	var sweepers [shares]*conntrack.Sweeper
	for i := range sweepers {
		sweepers[i] = table.Sweeper(i, shares)
	}
	deadlines := map[packet.Flow]int64{}
	dead := make([]conntrack.Conn, 4)
	now := int64(0)
	for ; now < 60*second; now += random.Int64N(second / 10) {
		ended := 0
		for _, s := range sweepers {
			for n := len(dead); n == len(dead); ended += n {
				n = s.Due(now, soonest, dead)
			}
		}
		for f, deadline := range deadlines {
			if deadline <= now {
				delete(deadlines, f)
				ended--
			}
		}
		if ended != 0 || table.Used() != len(deadlines) {
			t.Fatalf("at %d ns: %d too many ended, %d are left, want %d", now, ended, table.Used(), len(deadlines))
		}
		timeouts[conntrack.UDP] = soonest + random.Int64N(10*second)
		f := flow(random.IntN(2000))
		f.Proto = packet.ProtoUDP
		hash := table.HashIn(&f)
		var c conntrack.Conn
		if table.FindIn(hash, &f, &c) {
			table.Observe(&c, conntrack.In, conntrack.Datagram, now, &conntrack.Normal, &timeouts)
		} else if got := insertFlow(table, &f, target(1), conntrack.UDP, now+timeouts[conntrack.UDP], &c, nil); got != conntrack.Inserted {
			t.Fatalf("insert: %v", got)
		}
		deadlines[f] = now + timeouts[conntrack.UDP]
	}
	if len(deadlines) == 0 {
		t.Error("no connection was left: the test tested little")
	}
}
