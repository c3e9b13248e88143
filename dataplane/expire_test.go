package dataplane_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"director/conntrack"
	"director/dataplane"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

func TestExpireAll_EndsConnectionsAtTheirTime(t *testing.T) {
	r := newRig(t, options{queues: [2]int{2, 2}})
	const conns = 200 // more than one call of the sweeper expires, in the shares of both workers
	for i := range conns {
		r.ports[0][i%2].Push(fromClient(1000+i, packettest.Frame{Flags: "S"}))
	}
	r.step()
	expired := func() uint64 {
		for _, w := range r.workers {
			w.ExpireAll()
		}
		return r.counts().Expired
	}
	r.clock.Advance(time.Minute - time.Nanosecond)
	if n := expired(); n != 0 {
		t.Errorf("%d connections expired a nanosecond early", n)
	}
	r.clock.Advance(time.Nanosecond)
	if n := expired(); n != conns {
		t.Errorf("%d connections expired, want %d", n, conns)
	}
	if active, total := r.load(1); active != 0 || total != 0 {
		t.Errorf("server 1 has %d active of %d connections, want none", active, total)
	}
}

func TestExpireAll_DropsWhatWaitedTooLong(t *testing.T) {
	r := newRig(t, options{noClient: true})
	r.ports[0][0].Push(fromClient(1000, packettest.Frame{Flags: "S"}))
	r.step()
	r.ports[1][0].Push(fromServer(4, 1000, packettest.Frame{Flags: "SA"}))
	r.step()
	for _, want := range []uint64{0, 1} {
		r.workers[0].ExpireAll()
		if got := r.counts().Drops[packet.Neighbor]; got != want {
			t.Errorf("%d frames dropped because of an unknown neighbour, want %d", got, want)
		}
		r.clock.Advance(time.Second)
	}
}

// A step expires a bounded number of connections, with or without packets, so that
// packets do not wait long. The rest expires in the following steps.
func TestStep_EndsABoundedNumberOfConnections(t *testing.T) {
	for _, busy := range []bool{true, false} {
		r := newRig(t, options{})
		const conns = 5 * dataplane.MaxExpiries
		for i := range conns {
			r.ports[0][0].Push(fromClient(1000+i, packettest.Frame{Flags: "S"}))
		}
		r.step()
		r.clock.Advance(time.Minute)
		for ended, steps := uint64(0), 1; ended < conns; steps++ {
			if busy {
				r.ports[0][0].Push(fromClient(500, packettest.Frame{Flags: "S"}))
			}
			if n, err := r.workers[0].Step(); err != nil || (n > 0) != busy {
				t.Fatalf("busy %v: %d frames, %v", busy, n, err)
			}
			now := r.counts().Expired
			if by := now - ended; by > dataplane.MaxExpiries || by == 0 || steps > 2*conns/dataplane.MaxExpiries {
				t.Fatalf("busy %v: step %d expired %d after %d of %d, want from 1 to %d", busy, steps, by, ended, conns, dataplane.MaxExpiries)
			}
			ended = now
		}
	}
}

// A connection expires at most a second after its deadline and never before, even if
// the workers sleep as long as possible.
func TestStep_EndsConnectionsWithinASecondOfTheirTime(t *testing.T) {
	const tick = 1 << 25 // resolution of the clock of "director run", in nanoseconds
	random := rand.New(rand.NewPCG(1, 2))
	r := newRig(t, options{queues: [2]int{2, 2}})
	if err := r.control.SetSysctl("conn_reuse_mode", "0"); err != nil { // otherwise a SYN can end a connection, too
		t.Fatal(err)
	}
	held := map[conntrack.Ref]int64{} // the deadlines
	ended := 0
	for moment := range 4000 {
		flags := []string{"S", "A", "FA", "R"}[random.IntN(4)]
		port, queue := 1000+random.IntN(2000), random.IntN(2)
		r.ports[0][queue].Push(fromClient(port, packettest.Frame{Flags: flags}))
		r.ports[0][queue].Push(fromClient(port, packettest.Frame{UDP: true}))
		if moment%10 == 0 {
			if err := r.control.SetTimeouts(service.Timeouts{UDP: 1 + random.Uint32N(5), TCPFIN: 1 + random.Uint32N(30)}); err != nil {
				t.Fatal(err)
			}
		}
		r.step()
		now := r.clock.Now()
		still := map[conntrack.Ref]int64{}
		for info := range r.shared.Conns().All() {
			still[info.ID] = info.Deadline
			if late := now - info.Deadline; late >= int64(time.Second) {
				t.Fatalf("a connection still exists %v after its deadline", time.Duration(late))
			}
		}
		for ref, deadline := range held {
			if _, there := still[ref]; there {
				continue
			}
			ended++
			if late := now - deadline; late < 0 || late >= int64(time.Second) {
				t.Fatalf("a connection expired %v after its deadline", time.Duration(late))
			}
		}
		held = still
		pause := random.Int64N(dataplane.MaxSleep) // as if a packet woke the worker
		if moment%2 == 0 {
			pause = dataplane.MaxSleep + random.Int64N(tick)
		}
		r.clock.Advance(time.Duration(pause))
	}
	if ended < 1000 {
		t.Errorf("%d connections expired, too few for a useful test", ended)
	}
}
