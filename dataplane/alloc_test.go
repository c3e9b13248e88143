package dataplane_test

import (
	"testing"

	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// both repeats two frames until they fill a batch.
func both(a, b []byte) (frames [][]byte) {
	for range packet.BatchSize / 2 {
		frames = append(frames, a, b)
	}
	return frames
}

// fragments returns a batch of datagrams in two fragments each, the later fragment
// first.
func fragments(frame func(int, packettest.Frame) []byte) (frames [][]byte) {
	for i := range packet.BatchSize / 2 {
		first, later := inTwo(frame, uint16(i), packettest.Frame{})
		frames = append(frames, later, first)
	}
	return frames
}

// Neither the handling of packets and connections nor rare events allocate.
func TestStep_DoesNotAllocate(t *testing.T) {
	syn, ack := packettest.Frame{Flags: "S"}, packettest.Frame{Flags: "A"}
	datagram := packettest.Frame{UDP: true, Payload: make([]byte, 64)}
	persistent := func(r *rig) {
		for _, s := range r.specs {
			s.Servers, s.Persistent = nil, 300
			if err := r.control.EditService(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	var fresh, freshUDP [][][]byte
	for round := range 100 {
		fresh = append(fresh, clients(1000+round*packet.BatchSize, syn))
		freshUDP = append(freshUDP, clients(1000+round*packet.BatchSize, datagram))
	}
	reset := packettest.Frame{Flags: "R"}
	for name, c := range map[string]struct {
		o       options
		prepare func(r *rig)
		warm    [][][]byte // rounds before the measurement
		rounds  [][][]byte
		perStep int // frames sent, at least
	}{
		"NAT to servers":       {warm: [][][]byte{clients(1000, syn)}, rounds: [][][]byte{clients(1000, ack)}, perStep: 64},
		"NAT to clients":       {warm: [][][]byte{clients(1000, syn)}, rounds: [][][]byte{answers(1000, ack)}, perStep: 64},
		"direct":               {o: options{method: service.DR}, warm: [][][]byte{clients(1000, syn)}, rounds: [][][]byte{clients(1000, ack)}, perStep: 64},
		"tunnelled":            {o: options{method: service.TUN}, warm: [][][]byte{clients(1000, syn)}, rounds: [][][]byte{clients(1000, ack)}, perStep: 64},
		"datagrams":            {rounds: [][][]byte{clients(1000, datagram), answers(1000, datagram)}, perStep: 64},
		"SYNs again":           {rounds: [][][]byte{clients(1000, syn)}, perStep: 64},
		"new connections":      {rounds: fresh, perStep: 64},
		"new datagrams":        {rounds: freshUDP, perStep: 64},
		"persistent":           {prepare: persistent, rounds: fresh, perStep: 64},
		"reused":               {rounds: [][][]byte{clients(1000, syn), answers(1000, reset)}, perStep: 32},
		"evicted half-open":    {o: options{size: 200}, rounds: fresh, perStep: 64},
		"without an entry":     {o: options{size: 20, method: service.DR}, prepare: (*rig).crowd, rounds: fresh, perStep: 64},
		"resets":               {rounds: [][][]byte{clients(1000, ack)}, perStep: 64},
		"no server":            {o: options{weights: []int32{0}}, rounds: [][][]byte{clients(1000, syn)}},
		"errors":               {warm: [][][]byte{clients(40000, syn)}, rounds: [][][]byte{both(fromClientSide(false), fromServerSide(false))}, perStep: 64},
		"errors of a tunnel":   {o: options{method: service.TUN}, warm: [][][]byte{clients(40000, syn)}, rounds: [][][]byte{both(fromClientSide(false), fromClientSide(false))}, perStep: 64},
		"fragments to servers": {rounds: [][][]byte{fragments(fromClient)}, perStep: 64},
		"fragments to clients": {
			warm:   [][][]byte{clients(40000, datagram)},
			rounds: [][][]byte{fragments(fromServer4)}, perStep: 64,
		},
		"too long for a tunnel": {
			o: options{method: service.TUN}, warm: [][][]byte{clients(1000, syn)},
			rounds: [][][]byte{clients(1000, packettest.Frame{Flags: "A", Payload: make([]byte, 1460)})}, perStep: 128,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.o)
			if c.prepare != nil {
				c.prepare(r)
			}
			w, p := r.oneArmed(append(c.warm, c.rounds...)...)
			step := func() {
				if _, err := w.Step(); err != nil {
					t.Error(err)
				}
			}
			for range c.warm {
				step()
			}
			p.rounds, p.next, p.sent = c.rounds, 0, 0
			const runs = 90
			if n := testing.AllocsPerRun(runs, step); n != 0 {
				t.Errorf("%v allocations a step, want 0", n)
			}
			if want := c.perStep * runs; p.sent < want {
				t.Errorf("%d frames sent in %d steps, want %d; %+v", p.sent, runs, want, w.Counts())
			}
		})
	}
}
