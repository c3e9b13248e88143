package afxdp

import (
	"math/rand/v2"
	"testing"

	"director/packet"

	"golang.org/x/sys/unix"
)

// fake is a port with rings on the Go heap, together with a simulated kernel. There
// is no socket, so every system call to transmit fails.
type fake struct {
	*Port
	fillRing, doneRing shared[uint64]
	rxRing, txRing     shared[unix.XDPDesc]
	kernel             []uint64 // chunks the kernel took from the fill ring
}

func newFake(chunks int) *fake {
	f := &fake{
		fillRing: newShared[uint64](chunks / 2), doneRing: newShared[uint64](chunks / 2),
		rxRing: newShared[unix.XDPDesc](chunks / 2), txRing: newShared[unix.XDPDesc](chunks / 2),
	}
	*f.fillRing.flags = 0 // as in copy mode
	f.Port = &Port{
		fd: -1, umem: make([]byte, chunks*ChunkSize), free: make([]uint64, 0, chunks),
		fill: newProducer(f.fillRing), done: newConsumer(f.doneRing),
		rx: newConsumer(f.rxRing), tx: newProducer(f.txRing),
	}
	for i := range chunks {
		f.free = append(f.free, uint64(i)*ChunkSize)
	}
	f.refill()
	return f
}

// receive delivers up to n frames, as far as the fill ring has chunks.
func (f *fake) receive(n int) {
	for range n {
		if chunk, ok := f.fillRing.consume(); ok {
			f.kernel = append(f.kernel, chunk)
		}
		last := len(f.kernel) - 1
		if last < 0 || !f.rxRing.produce(unix.XDPDesc{Addr: f.kernel[last] + headroom, Len: 60}) {
			return
		}
		f.kernel = f.kernel[:last]
	}
}

// complete sends up to n frames of the transmit ring.
func (f *fake) complete(n int) (sent []unix.XDPDesc) {
	for range n {
		d, ok := f.txRing.consume()
		if !ok || !f.doneRing.produce(d.Addr) {
			break
		}
		sent = append(sent, d)
	}
	return sent
}

// places returns for each chunk the number of places that contain it.
func (f *fake) places() map[uint64]int {
	seen := make(map[uint64]int)
	for _, list := range [][]uint64{f.free, f.kernel, f.fillRing.content(), f.doneRing.content()} {
		for _, addr := range list {
			seen[addr&^(ChunkSize-1)]++
		}
	}
	for _, list := range [][]unix.XDPDesc{f.rxRing.content(), f.txRing.content()} {
		for _, d := range list {
			seen[d.Addr&^(ChunkSize-1)]++
		}
	}
	return seen
}

func (r shared[T]) content() (all []T) {
	for i := *r.tail; i != *r.head; i++ {
		all = append(all, r.entries[i%uint32(len(r.entries))])
	}
	return all
}

func TestPort_KeepsEveryChunkInOnePlace(t *testing.T) {
	const chunks = 256
	f := newFake(chunks)
	rng := rand.New(rand.NewPCG(1, 2))
	var b packet.Batch
	for round := range 1000 {
		f.receive(rng.IntN(100))
		f.complete(rng.IntN(100))
		if rng.IntN(3) == 0 {
			for range rng.IntN(packet.BatchSize) {
				if f.Alloc(&b) {
					b.Frames[b.N-1].Len = 60
				}
			}
		} else {
			f.Recv(&b)
		}
		for i := range b.N {
			b.Frames[i].Verdict = packet.Verdict(rng.IntN(5))
			b.Frames[i].Push(int32(rng.IntN(2) * 20))
			if rng.IntN(20) == 0 {
				b.Frames[i].Len = int32(rng.IntN(5000)) - 100
			}
		}
		f.Flush(&b)

		seen := f.places()
		if len(seen) != chunks {
			t.Fatalf("round %d: %d of %d chunks were found", round, len(seen), chunks)
		}
		for chunk, n := range seen {
			if n != 1 {
				t.Fatalf("round %d: chunk %d is in %d places", round, chunk/ChunkSize, n)
			}
		}
	}
}

func TestPort_TransmitsFromWhereTheFrameLies(t *testing.T) {
	f := newFake(256)
	var b packet.Batch
	f.receive(2)
	f.Recv(&b)
	for i := range b.N {
		b.Frames[i].Push(20)
		b.Frames[i].Verdict = packet.Tx
	}
	token := [2]uint64{b.Frames[0].Token, b.Frames[1].Token}
	f.Flush(&b)
	for i, got := range f.complete(10) {
		if want := (unix.XDPDesc{Addr: token[i] + headroom - 20, Len: 80}); got != want {
			t.Errorf("descriptor %d: got %+v, want %+v", i, got, want)
		}
	}
}

func TestPort_CountsWhatAFullRingRefuses(t *testing.T) {
	f := newFake(2 * packet.BatchSize)
	var b packet.Batch
	for range 2 {
		for f.Alloc(&b) {
			b.Frames[b.N-1].Len, b.Frames[b.N-1].Verdict = 60, packet.Tx
		}
		f.Flush(&b)
	}
	// Half of the chunks are in the fill ring. The first batch stays in the transmit
	// ring, and no chunk is left for a second.
	if f.Alloc(&b) {
		t.Fatal("Alloc = true, but no chunk is free")
	}
	f.receive(10)
	f.Recv(&b)
	received := b.N
	for i := range b.N {
		b.Frames[i].Verdict = packet.Tx
	}
	f.Flush(&b)
	if got := f.count.full.Load(); got != uint64(received) || received == 0 {
		t.Errorf("lost to the full ring: got %d, want %d", got, received)
	}
	if got := len(f.free); got != received {
		t.Errorf("free chunks: got %d, want %d", got, received)
	}
}

func TestPort_RefusesFramesTheKernelWouldKeep(t *testing.T) {
	f := newFake(256)
	var b packet.Batch
	for _, frame := range []struct{ off, len int32 }{
		{headroom, 0}, {headroom, 13}, {-1, 60}, {headroom, ChunkSize}, {headroom, -5}, {1 << 30, 1 << 30},
		{headroom, packet.MaxFrame}, {0, ChunkSize}, {headroom, 14}, // these are valid
	} {
		f.Alloc(&b)
		last := &b.Frames[b.N-1]
		last.Off, last.Len, last.Verdict = frame.off, frame.len, packet.Tx
	}
	f.Flush(&b)
	if got := f.count.invalid.Load(); got != 6 {
		t.Errorf("refused: got %d, want 6", got)
	}
	if got := len(f.complete(100)); got != 3 {
		t.Errorf("sent: got %d, want 3", got)
	}
}

func TestPort_DoesNotAllocate(t *testing.T) {
	f := newFake(256)
	var b packet.Batch
	got := testing.AllocsPerRun(100, func() {
		for range 32 { // the fake kernel, without slices that would allocate
			chunk, _ := f.fillRing.consume()
			f.rxRing.produce(unix.XDPDesc{Addr: chunk + headroom, Len: 60})
		}
		f.Recv(&b)
		for i := range b.N {
			b.Frames[i].Verdict = packet.Tx
		}
		f.Alloc(&b)
		f.Flush(&b)
		for d, ok := f.txRing.consume(); ok; d, ok = f.txRing.consume() {
			f.doneRing.produce(d.Addr)
		}
	})
	if got != 0 {
		t.Errorf("allocations per batch: got %v, want 0", got)
	}
}
