package afxdp

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// newShared makes a ring on the Go heap, so that the race detector checks it. The
// indices start just before they wrap.
func newShared[T any](n int) shared[T] {
	head, tail, flags := uint32(1<<32-3), uint32(1<<32-3), uint32(needWakeup)
	return shared[T]{head: &head, tail: &tail, flags: &flags, entries: make([]T, n)}
}

// consume takes one entry, if there is one, as the kernel does.
func (r shared[T]) consume() (v T, ok bool) {
	tail := atomic.LoadUint32(r.tail)
	if tail == atomic.LoadUint32(r.head) {
		return v, false
	}
	v = r.entries[tail%uint32(len(r.entries))]
	atomic.StoreUint32(r.tail, tail+1)
	return v, true
}

// produce adds one entry, if there is room, as the kernel does.
func (r shared[T]) produce(v T) bool {
	head := atomic.LoadUint32(r.head)
	if head-atomic.LoadUint32(r.tail) == uint32(len(r.entries)) {
		return false
	}
	r.entries[head%uint32(len(r.entries))] = v
	atomic.StoreUint32(r.head, head+1)
	return true
}

func TestProducer_FillsUpAndNoFurther(t *testing.T) {
	r := newShared[uint64](8)
	p := newProducer(r)
	if got := p.room(100); got != 8 {
		t.Fatalf("room of an empty ring: got %d, want 8", got)
	}
	for i := range uint64(8) {
		p.put(i)
	}
	if got := p.room(1); got != 0 {
		t.Errorf("room of a full ring: got %d, want 0", got)
	}
	if _, ok := r.consume(); ok {
		t.Error("the kernel sees entries that were not published")
	}
	p.publish()
	if got := p.pending(); got != 8 {
		t.Errorf("pending: got %d, want 8", got)
	}
	if v, ok := r.consume(); !ok || v != 0 {
		t.Errorf("first entry: got %d, %v, want 0", v, ok)
	}
	if got := p.room(100); got != 1 {
		t.Errorf("room after the kernel took one: got %d, want 1", got)
	}
}

func TestConsumer_TakesWhatIsThereAndReleasesTogether(t *testing.T) {
	r := newShared[uint64](4)
	c := newConsumer(r)
	if got := c.ready(4); got != 0 {
		t.Fatalf("ready in an empty ring: got %d, want 0", got)
	}
	for i := range uint64(4) {
		r.produce(i)
	}
	if got := c.ready(3); got != 3 {
		t.Errorf("ready: got %d, want 3", got)
	}
	for want := range uint64(3) {
		if got := c.take(); got != want {
			t.Errorf("take: got %d, want %d", got, want)
		}
	}
	if r.produce(9) {
		t.Error("the kernel found room before the release")
	}
	c.release()
	if !r.produce(9) {
		t.Error("the kernel found no room after the release")
	}
}

func TestRings_KeepOrderAgainstAConcurrentKernel(t *testing.T) {
	const entries = 200_000
	out, in := newShared[uint64](64), newShared[uint64](64)
	done := make(chan struct{})
	go func() { // the kernel returns each entry
		defer close(done)
		for n := 0; n < entries; {
			v, ok := out.consume()
			if !ok {
				runtime.Gosched()
				continue
			}
			for !in.produce(v) {
				runtime.Gosched()
			}
			n++
		}
	}()
	p, c := newProducer(out), newConsumer(in)
	for sent, got := uint64(0), uint64(0); got < entries; {
		for range p.room(min(16, uint32(entries-sent))) {
			p.put(sent)
			sent++
		}
		p.publish()
		n := c.ready(16)
		for range n {
			if v := c.take(); v != got {
				t.Fatalf("entry %d: got %d", got, v)
			}
			got++
		}
		c.release()
		if n == 0 {
			runtime.Gosched()
		}
	}
	<-done
	if n := p.pending(); n != 0 {
		t.Errorf("pending at the end: got %d, want 0", n)
	}
}
