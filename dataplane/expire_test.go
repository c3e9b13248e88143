package dataplane_test

import (
	"testing"
	"time"

	"director/internal/packettest"
	"director/packet"
)

func TestExpireAll_EndsConnectionsAtTheirTime(t *testing.T) {
	r := newRig(t, options{queues: [2]int{2, 2}})
	const conns = 200 // more than end in one call of the sweeper, in the shares of both workers
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
		t.Errorf("%d connections ended a nanosecond early", n)
	}
	r.clock.Advance(time.Nanosecond)
	if n := expired(); n != conns {
		t.Errorf("%d connections ended, want %d", n, conns)
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
			t.Errorf("%d frames dropped for want of a neighbour, want %d", got, want)
		}
		r.clock.Advance(time.Second)
	}
}
