package afpacket_test

import (
	"encoding/binary"
	"runtime"
	"testing"

	"director/dataplane/afpacket"
	"director/packet"
)

func TestRing_DeliversInOrderAndWrapsAround(t *testing.T) {
	k := newFakeKernel(4, 8192)
	r := afpacket.NewReceiver(k.mem, k.size)
	var sent, got uint32
	for round := range 50 {
		for i := 0; i <= round%4; i++ {
			frames := make([]fakeFrame, 1+(round+i)%20)
			for j := range frames {
				frames[j].data = numbered(sent, 60+int(sent%100))
				sent++
			}
			if !k.fill(frames...) {
				t.Fatalf("round %d: block %d was not returned", round, k.block)
			}
		}
		drain(r, func(f *packet.Frame) {
			if n := binary.BigEndian.Uint32(f.Bytes()[14:]); n != got {
				t.Fatalf("frame %d, want %d", n, got)
			}
			if want := 60 + int32(got%100); f.Len != want {
				t.Fatalf("frame %d has %d bytes, want %d", got, f.Len, want)
			}
			got++
		})
	}
	if got != sent {
		t.Fatalf("got %d frames, want %d", got, sent)
	}
	if c := r.Counters(); c.Rx != uint64(sent) {
		t.Fatalf("counted %d frames, want %d", c.Rx, sent)
	}
}

func TestRing_GivesABlockBackAfterItsLastFrame(t *testing.T) {
	k := newFakeKernel(2, 64<<10)
	r := afpacket.NewReceiver(k.mem, k.size)
	frames := make([]fakeFrame, packet.BatchSize+6)
	for i := range frames {
		frames[i].data = numbered(uint32(i), 60)
	}
	k.fill(frames...)

	var full, rest packet.Batch
	r.Recv(&full)
	if full.N != packet.BatchSize {
		t.Fatalf("first batch has %d frames, want %d", full.N, packet.BatchSize)
	}
	r.Recv(&rest)
	if rest.N != 6 {
		t.Fatalf("second batch has %d frames, want 6", rest.N)
	}
	r.Flush(&rest)
	if k.owns(0) {
		t.Fatal("block returned while frames of it are lent")
	}
	r.Flush(&full)
	if !k.owns(0) {
		t.Fatal("block not returned after its last frame")
	}
}

func TestRing_KeepsABlockUntilItIsWalked(t *testing.T) {
	k := newFakeKernel(2, 64<<10)
	r := afpacket.NewReceiver(k.mem, k.size)
	frames := make([]fakeFrame, packet.BatchSize+1)
	for i := range frames {
		frames[i].data = numbered(uint32(i), 60)
	}
	k.fill(frames...)

	var b packet.Batch
	r.Recv(&b)
	r.Flush(&b)
	if k.owns(0) {
		t.Fatal("block returned with a frame in it that was not received")
	}
	r.Recv(&b)
	if b.N != 1 || binary.BigEndian.Uint32(b.Frames[0].Bytes()[14:]) != packet.BatchSize {
		t.Fatalf("got %d frames, want frame %d alone", b.N, packet.BatchSize)
	}
	r.Flush(&b)
	if !k.owns(0) {
		t.Fatal("block not returned to the kernel")
	}
}

func TestRing_PassesOverAnEmptyBlock(t *testing.T) {
	k := newFakeKernel(2, 8192)
	r := afpacket.NewReceiver(k.mem, k.size)
	k.fill()
	k.fill(fakeFrame{data: numbered(7, 60)})
	n := 0
	drain(r, func(*packet.Frame) { n++ })
	if n != 1 || !k.owns(0) || !k.owns(1) {
		t.Fatalf("got %d frames, want 1; kernel owns the blocks: %v %v, want true true", n, k.owns(0), k.owns(1))
	}
}

// The ring is ordinary memory here. So the race detector also checks that the status
// word orders the accesses to the data that it guards.
func TestRing_FollowsAKernelThatRunsBesideIt(t *testing.T) {
	const total = 20000
	k := newFakeKernel(3, 8192)
	r := afpacket.NewReceiver(k.mem, k.size)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sent := uint32(0); sent < total; {
			frames := make([]fakeFrame, min(1+sent%20, total-sent))
			for j := range frames {
				frames[j].data = numbered(sent+uint32(j), 60)
			}
			if k.fill(frames...) {
				sent += uint32(len(frames))
			} else {
				runtime.Gosched()
			}
		}
	}()
	var got uint32
	for got < total {
		drain(r, func(f *packet.Frame) {
			b := f.Bytes()
			if n := binary.BigEndian.Uint32(b[14:]); n != got {
				t.Fatalf("frame %d, want %d", n, got)
			}
			b[0] = 1 // the port owns the frame until Flush
			got++
		})
		runtime.Gosched()
	}
	<-done
}
