package capture_test

import (
	"io"
	"slices"
	"syscall"
	"testing"
	"time"

	"director/dataplane"
	"director/dataplane/memport"
	"director/inspect/capture"
	"director/internal/packettest"
	"director/packet"
)

// mill is a port that returns the same batch of frames in each step and drops what is
// sent. A step therefore costs only the worker's time.
type mill struct {
	frames [][]byte
	chunks [][]byte
	sent   int
}

func (p *mill) Recv(b *packet.Batch) error {
	for _, frame := range p.frames {
		p.Alloc(b)
		f := &b.Frames[b.N-1]
		f.Len = int32(copy(f.Buf[f.Off:], frame))
	}
	return nil
}

func (p *mill) Alloc(b *packet.Batch) bool {
	if len(p.chunks) == 0 {
		for range 4 * packet.BatchSize {
			p.chunks = append(p.chunks, make([]byte, packet.Headroom+packet.MaxFrame))
		}
	}
	f := b.Add()
	last := len(p.chunks) - 1
	f.Buf, p.chunks = p.chunks[last], p.chunks[:last]
	f.Off, f.Len = packet.Headroom, 0
	return true
}

func (p *mill) Flush(b *packet.Batch) error {
	for i := range b.N {
		if b.Frames[i].Verdict == packet.Tx {
			p.sent++
		}
		p.chunks = append(p.chunks, b.Frames[i].Buf)
	}
	b.N = 0
	return nil
}

func (p *mill) Fd() int      { return -1 }
func (p *mill) Close() error { return nil }

// slice is the length of each period of BenchmarkCapture, with or without a capture. A
// capture that starts may first use 62 ms at once, so a slice must be longer than that.
const slice = 300 * time.Millisecond

// BenchmarkCapture runs a busy worker with and without a capture, in turn. It reports
// the median ratio of the two rates. A rate is measured in the processor time of the
// whole process: on one CPU (-cpu=1), time that other goroutines use is lost to the
// worker.
func BenchmarkCapture(b *testing.B) {
	rare, drops := capture.DefaultOptions(), capture.DefaultOptions()
	rare.Client = "203.0.113.9"
	drops.Verdicts = []string{"drop"}
	whole := capture.DefaultOptions()
	whole.Snap, whole.Rate = packet.MaxFrame, 16_000
	for _, c := range []struct {
		name    string
		options capture.Options
	}{{"all", capture.DefaultOptions()}, {"rare", rare}, {"drops", drops}, {"whole", whole}} {
		b.Run(c.name, func(b *testing.B) {
			r, step := newMill(b)
			s := r.start(c.options)
			tap := r.Shared.Tap()
			done := make(chan error, 1)
			go func() { done <- s.Run(b.Context(), io.Discard) }()
			var ratios []float64
			for range b.N {
				with := rate(b, step)
				r.Shared.StopTap(tap)
				without := rate(b, step)
				r.Shared.StartTap(tap)
				ratios = append(ratios, with/without)
			}
			s.Stop()
			if err := <-done; err != nil {
				b.Error(err)
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "ratio")
			b.ReportMetric(float64(s.Counts().Written)/(float64(b.N)*slice.Seconds()), "captured/s")
		})
	}
}

// rate returns the number of steps per second of processor time.
func rate(b *testing.B, step func()) float64 {
	spent := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	n, began, cpu := 0, time.Now(), spent()
	for ; time.Since(began) < slice; n++ {
		step()
	}
	return float64(n) / (spent() - cpu).Seconds()
}

// newMill returns a rig whose worker forwards a batch of segments of one connection in
// each step.
func newMill(b *testing.B) (*rig, func()) {
	start := time.Now()
	r := newRigWithClock(b, func() int64 { return int64(time.Since(start)) &^ (1<<25 - 1) })
	in, out := &mill{}, &mill{}
	workers, err := dataplane.NewWorkers(r.Shared, []dataplane.Interface{
		{Queues: []dataplane.Port{in}, Hosts: []dataplane.Port{memport.New()}},
		{Queues: []dataplane.Port{out}, Hosts: []dataplane.Port{memport.New()}},
	}, []dataplane.Waiter{memport.NewWaiter()})
	if err != nil {
		b.Fatal(err)
	}
	step := func() {
		if _, err := workers[0].Step(); err != nil {
			b.Fatal(err)
		}
	}
	for _, flags := range []string{"S", "A"} {
		in.frames = nil
		for i := range packet.BatchSize {
			in.frames = append(in.frames, client(uint16(1000+i), packettest.Frame{Flags: flags}))
		}
		out.sent = 0
		step()
	}
	if out.sent != packet.BatchSize {
		b.Fatalf("%d frames sent", out.sent)
	}
	return r, step
}
