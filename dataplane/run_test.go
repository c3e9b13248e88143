package dataplane_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"director/dataplane"
	"director/dataplane/memport"
	"director/internal/packettest"
	"director/packet"
)

// TestRun_WorkersShareOneDirector runs two workers as goroutines, with frames
// coming in on both, answers on the other worker's queue, views changing
// underneath and one of them sending by way of the other.
func TestRun_WorkersShareOneDirector(t *testing.T) {
	r := newRig(t, options{queues: [2]int{2, 1}})
	var wg sync.WaitGroup
	for _, w := range r.workers {
		wg.Go(func() {
			if err := w.Run(); err != nil {
				t.Error(err)
			}
		})
	}
	const n = 400
	for i := range n {
		r.ports[0][i%2].Push(fromClient(10000+i, packettest.Frame{Flags: "S"}))
		if i%50 == 0 {
			r.control.Refresh()
		}
	}
	answered, toClient := 0, 0
	deadline := time.Now().Add(30 * time.Second)
	for toClient < n && time.Now().Before(deadline) {
		for _, f := range r.ports[1][0].Take() {
			d := packettest.Decode(t, f)
			server := int(d.IP.DstIP[3]) - 10
			r.ports[1][0].Push(fromServer(server, int(d.TCP.SrcPort), packettest.Frame{Flags: "SA"}))
			answered++
		}
		toClient += len(r.ports[0][0].Take()) + len(r.ports[0][1].Take())
		runtime.Gosched()
	}
	for _, w := range r.workers {
		w.Stop()
	}
	wg.Wait()
	if c := r.counts(); answered != n || toClient != n {
		t.Errorf("%d reached a server, %d answers a client, want %d; counts %+v", answered, toClient, n, c)
	}
	for s := 1; s <= 4; s++ {
		if active, total := r.load(s); active != n/4 || total != n/4 {
			t.Errorf("server %d has %d active of %d, want %d", s, active, total, n/4)
		}
	}
}

// broken is a port whose device has gone.
type broken struct{ *memport.Port }

var errGone = errors.New("device gone")

func (broken) Recv(*packet.Batch) error { return errGone }

func TestRun_EndsWhenAPortBreaks(t *testing.T) {
	r := newRig(t, options{})
	workers, err := dataplane.NewWorkers(r.shared,
		[]dataplane.Arm{{Queues: []dataplane.Port{broken{memport.New()}}, Hosts: []dataplane.Port{memport.New()}}},
		[]dataplane.Waiter{memport.NewWaiter()})
	if err != nil {
		t.Fatal(err)
	}
	if err := workers[0].Run(); !errors.Is(err, errGone) {
		t.Errorf("Run: %v, want %v", err, errGone)
	}
}

// treadmill lends the same frames again and again, without copying or
// allocating, so that what a step costs is the stages' alone.
type treadmill struct {
	frames [][]byte // with headroom, restored before each batch
	fresh  [][]byte
	sent   int
}

func newTreadmill(frames ...[]byte) *treadmill {
	p := &treadmill{fresh: frames}
	for _, f := range frames {
		p.frames = append(p.frames, make([]byte, packet.Headroom+len(f)))
	}
	return p
}

func (p *treadmill) Recv(b *packet.Batch) error {
	for i, buf := range p.frames {
		copy(buf[packet.Headroom:], p.fresh[i])
		f := b.Add()
		f.Buf, f.Off, f.Len = buf, packet.Headroom, int32(len(p.fresh[i]))
	}
	return nil
}

func (p *treadmill) Alloc(*packet.Batch) bool { return false }

func (p *treadmill) Flush(b *packet.Batch) error {
	for i := range b.N {
		if b.Frames[i].Verdict == packet.Tx {
			p.sent++
		}
	}
	b.N = 0
	return nil
}

func (p *treadmill) Fd() int      { return -1 }
func (p *treadmill) Close() error { return nil }

// newTreadmillWorker is a one-armed director whose client's frames come round
// for ever.
func newTreadmillWorker(t testing.TB, o options, frames ...[]byte) (*dataplane.Worker, *treadmill) {
	r := newRig(t, o)
	r.net.Routes[1].Link = 2
	for i := range r.net.Neighbors {
		r.net.Neighbors[i].Link = 2
	}
	r.control.Refresh()
	p := newTreadmill(frames...)
	workers, err := dataplane.NewWorkers(r.shared,
		[]dataplane.Arm{{Queues: []dataplane.Port{p}, Hosts: []dataplane.Port{memport.New()}}},
		[]dataplane.Waiter{memport.NewWaiter()})
	if err != nil {
		t.Fatal(err)
	}
	return workers[0], p
}

func synFrames(n int) (frames [][]byte) {
	for i := range n {
		frames = append(frames, fromClient(10000+i, packettest.Frame{Flags: "S"}))
	}
	return frames
}

func TestStep_DoesNotAllocate(t *testing.T) {
	w, p := newTreadmillWorker(t, options{}, synFrames(packet.BatchSize)...)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := w.Step(); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a batch, want 0", n)
	}
	if p.sent < 100*packet.BatchSize {
		t.Errorf("%d frames forwarded: the steps did not do their work", p.sent)
	}
}

func BenchmarkStep(b *testing.B) {
	w, _ := newTreadmillWorker(b, options{}, synFrames(packet.BatchSize)...)
	for b.Loop() {
		if _, err := w.Step(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/packet.BatchSize, "ns/packet")
}
