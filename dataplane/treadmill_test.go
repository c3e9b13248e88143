package dataplane_test

import (
	"director/dataplane"
	"director/dataplane/memport"
	"director/internal/packettest"
	"director/packet"
)

// treadmill is a port that lends the same rounds of frames repeatedly, one round per
// step. It does not allocate, so a measurement of a step shows only the cost of the
// stages.
type treadmill struct {
	rounds [][][]byte
	next   int
	chunks [][]byte // free chunks
	sent   int
}

func newTreadmill(rounds ...[][]byte) *treadmill {
	p := &treadmill{rounds: rounds}
	for range 4 * packet.BatchSize {
		p.chunks = append(p.chunks, make([]byte, packet.Headroom+packet.MaxFrame))
	}
	return p
}

func (p *treadmill) Recv(b *packet.Batch) error {
	for _, frame := range p.rounds[p.next] {
		p.Alloc(b)
		f := &b.Frames[b.N-1]
		f.Len = int32(copy(f.Buf[f.Off:], frame))
	}
	p.next = (p.next + 1) % len(p.rounds)
	return nil
}

func (p *treadmill) Alloc(b *packet.Batch) bool {
	last := len(p.chunks) - 1
	if b.Full() || last < 0 {
		return false
	}
	f := b.Add()
	f.Buf, p.chunks = p.chunks[last], p.chunks[:last]
	f.Off, f.Len = packet.Headroom, 0
	return true
}

func (p *treadmill) Flush(b *packet.Batch) error {
	for i := range b.N {
		if b.Frames[i].Verdict == packet.Tx {
			p.sent++
		}
		p.chunks = append(p.chunks, b.Frames[i].Buf)
	}
	b.N = 0
	return nil
}

func (p *treadmill) Fd() int      { return -1 }
func (p *treadmill) Close() error { return nil }

// oneArmed puts servers and clients on one link whose port is a treadmill.
func (r *rig) oneArmed(rounds ...[][]byte) (*dataplane.Worker, *treadmill) {
	r.t.Helper()
	r.net.Routes[1].Link = 2
	for i := range r.net.Neighbors {
		r.net.Neighbors[i].Link = 2
	}
	r.control.Refresh()
	for _, round := range rounds {
		for _, frame := range round {
			copy(frame, eth0MAC[:])
		}
	}
	p := newTreadmill(rounds...)
	workers, err := dataplane.NewWorkers(r.shared,
		[]dataplane.Interface{{Queues: []dataplane.Port{p}, Hosts: []dataplane.Port{memport.New()}, Partial: r.partial}},
		[]dataplane.Waiter{memport.NewWaiter()})
	if err != nil {
		r.t.Fatal(err)
	}
	return workers[0], p
}

// clients returns a batch of frames from clients whose ports begin at first.
func clients(first int, f packettest.Frame) (frames [][]byte) {
	for i := range packet.BatchSize {
		frames = append(frames, fromClient(first+i, f))
	}
	return frames
}

// answers returns the frames of the servers to those clients. It assumes that round
// robin began with them.
func answers(first int, f packettest.Frame) (frames [][]byte) {
	for i := range packet.BatchSize {
		frames = append(frames, fromServer(4-i%4, first+i, f))
	}
	return frames
}
