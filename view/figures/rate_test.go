package figures_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"director/view/figures"
)

var unknown = math.NaN()

func TestPer_KnowsCountersThatFell(t *testing.T) {
	for _, c := range []struct {
		what      string
		then, now uint64
		seconds   float64
		want      float64
	}{
		{"grew", 100, 300, 2, 100},
		{"stood still", 100, 100, 2, 0},
		{"fell: it has started again at 0", 1000, 30, 2, 15},
		{"fell to 0", 1000, 0, 2, 0},
		{"an interval of zero", 100, 300, 0, unknown},
		{"a clock that was set back", 100, 300, -1, unknown},
		{"no interval at all", 100, 300, unknown, unknown},
		{"the largest number", 0, math.MaxUint64, 1, math.MaxUint64},
	} {
		got := figures.Per(c.then, c.now, c.seconds)
		if !cmp.Equal(got, c.want, cmpopts.EquateNaNs()) {
			t.Errorf("%s: Per(%d, %d, %v) = %v, want %v", c.what, c.then, c.now, c.seconds, got, c.want)
		}
	}
	if got := figures.Per(8.5, 0.5, 2); got != 0.25 {
		t.Errorf("CPU time that fell: %v per second, want 0.25", got)
	}
}

var start = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// director returns two workers with one queue each, after the given number of seconds.
func director(seconds int) *figures.Figures {
	n := uint64(seconds)
	f := &figures.Figures{
		At: start.Add(time.Duration(seconds) * time.Second), Started: start, PID: 7,
		Unserved: map[string]uint64{"eth1": 5 * n},
	}
	for i := range 2 {
		f.Workers = append(f.Workers, figures.Worker{
			Index: i, CPUSeconds: 0.25 * float64(n),
			Rx: map[string]uint64{"eth0": 600 * n, "eth1": 400 * n}, Tx: map[string]uint64{"eth0": 900 * n},
			Host: map[string]uint64{"not-ipv4": 3 * n}, Drops: map[string]uint64{"ttl": 10 * n, "table-full": 77},
			Handoff: 2 * n, Conns: 50 * n, Expired: 40 * n, Untracked: n, Batches: []uint64{10 * n, 0, 30 * n},
		})
	}
	f.Queues = []figures.Queue{
		{Interface: "eth0", IO: figures.XDP, Rx: 1000 * n, Tx: 900 * n, RxRingFull: 4 * n, TxDown: 9},
		{Interface: "eth1", IO: figures.Packet, Rx: 1000 * n, Tx: 900 * n, RxRingFull: 100 * n, KernelDrops: 6 * n},
	}
	return f
}

// worker returns the rates of each worker of director.
func worker() figures.Work {
	return figures.Work{
		CPU: 0.25, Rx: 1000, Tx: 900, Host: 3, Drops: 10, Handoff: 2, Conns: 50, Expired: 40, Untracked: 1,
		Batch: 25, Share: []float64{0.25, 0, 0.75},
	}
}

func both() figures.Rates {
	w := worker()
	return figures.Rates{
		Seconds: 2, Workers: []figures.Work{w, w},
		Total: figures.Work{CPU: 0.5, Rx: 2000, Tx: 1800, Host: 6, Drops: 20, Handoff: 4, Conns: 100, Expired: 80, Untracked: 2, Batch: 25},
		Queues: []figures.Flow{
			{Rx: 1000, Tx: 900, Lost: 4, Losses: []figures.Tally{{"rx-ring-full", 16, 4}, {"tx-down", 9, 0}}},
			{Rx: 1000, Tx: 900, Lost: 6, Losses: []figures.Tally{{"kernel", 24, 6}}},
		},
		Lost:     15,
		Drops:    []figures.Tally{{"ttl", 80, 20}, {"table-full", 154, 0}},
		Left:     []figures.Tally{{"not-ipv4", 24, 6}},
		Unserved: []figures.Tally{{"eth1", 20, 5}},
	}
}

func unknownWork() figures.Work {
	u := unknown
	return figures.Work{CPU: u, Rx: u, Tx: u, Host: u, Drops: u, Handoff: u, Conns: u, Expired: u, Untracked: u, Batch: u}
}

// nothingKnown returns the result without an earlier moment, which has only totals.
func nothingKnown() figures.Rates {
	r := both()
	r.Seconds, r.Lost, r.Total = 0, unknown, unknownWork()
	r.Workers = []figures.Work{unknownWork(), unknownWork()}
	for i := range r.Queues {
		q := &r.Queues[i]
		q.Rx, q.Tx, q.Lost = unknown, unknown, unknown
		for k := range q.Losses {
			q.Losses[k].Rate = unknown
		}
	}
	for _, all := range [][]figures.Tally{r.Drops, r.Left, r.Unserved} {
		for i := range all {
			all[i].Rate = unknown
		}
	}
	r.Drops[0], r.Drops[1] = r.Drops[1], r.Drops[0] // the larger first
	return r
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(then, now *figures.Figures)
		want   func(*figures.Rates)
	}{
		{"counters that grew", func(_, _ *figures.Figures) {}, func(_ *figures.Rates) {}},
		{"an interval of zero", func(then, now *figures.Figures) { then.At = now.At }, nil},
		{"a clock that was set back", func(then, now *figures.Figures) { now.At = then.At.Add(-time.Hour) }, nil},
		{"a director that was started again", func(_, now *figures.Figures) { now.Started = now.Started.Add(3 * time.Second) }, nil},
		{"another process", func(_, now *figures.Figures) { now.PID++ }, nil},
		{"a counter that fell", func(_, now *figures.Figures) {
			now.Workers[0].Drops["ttl"] = 8
			now.Workers[1].Conns = 0
		}, func(r *figures.Rates) {
			r.Workers[0].Drops, r.Workers[1].Conns = 4, 0
			r.Total.Drops, r.Total.Conns = 14, 50
			r.Drops[0] = figures.Tally{Name: "ttl", Total: 48, Rate: 14}
		}},
		{"a worker that is gone is no counter that fell", func(_, now *figures.Figures) { now.Workers = now.Workers[:1] },
			func(r *figures.Rates) {
				r.Workers, r.Total = r.Workers[:1], r.Workers[0]
				r.Total.Share = nil
				r.Drops = []figures.Tally{{"ttl", 40, 10}, {"table-full", 77, 0}}
				r.Left = []figures.Tally{{"not-ipv4", 12, 3}}
			}},
		{"a worker that is new has started at 0", func(then, now *figures.Figures) {
			then.Workers = then.Workers[:1]
			now.Workers[1] = figures.Worker{Index: 1, CPUSeconds: 1, Rx: map[string]uint64{"eth0": 40}, Batches: []uint64{40}}
		}, func(r *figures.Rates) {
			r.Workers[1] = figures.Work{CPU: 0.5, Rx: 20, Batch: 1, Share: []float64{1}}
			r.Total = r.Workers[0]
			r.Total.CPU, r.Total.Rx, r.Total.Share, r.Total.Batch = 0.75, 1020, nil, 2040./120
			r.Drops = []figures.Tally{{"ttl", 40, 10}, {"table-full", 77, 0}}
			r.Left = []figures.Tally{{"not-ipv4", 12, 3}}
		}},
		{"a reason that vanished", func(_, now *figures.Figures) {
			for i := range now.Workers {
				delete(now.Workers[i].Drops, "ttl")
			}
		}, func(r *figures.Rates) {
			r.Workers[0].Drops, r.Workers[1].Drops, r.Total.Drops = 0, 0, 0
			r.Drops = []figures.Tally{{"table-full", 154, 0}}
		}},
		{"a reason that is new", func(_, now *figures.Figures) { now.Workers[1].Drops["mtu"] = 200 }, func(r *figures.Rates) {
			r.Workers[1].Drops, r.Total.Drops = 110, 120
			r.Drops = []figures.Tally{{"mtu", 200, 100}, {"ttl", 80, 20}, {"table-full", 154, 0}}
		}},
		{"no batch", func(then, now *figures.Figures) {
			for i := range now.Workers {
				now.Workers[i].Rx, now.Workers[i].Batches = then.Workers[i].Rx, then.Workers[i].Batches
			}
		}, func(r *figures.Rates) {
			for _, w := range []*figures.Work{&r.Workers[0], &r.Workers[1], &r.Total} {
				w.Rx, w.Batch, w.Share = 0, unknown, nil
			}
		}},
		{"a queue that is gone, and one that is new", func(_, now *figures.Figures) { now.Queues[1].Queue = 1 }, func(r *figures.Rates) {
			r.Queues[1] = figures.Flow{Rx: 2000, Tx: 1800, Lost: 12, Losses: []figures.Tally{{"kernel", 24, 12}}}
			r.Lost = 21
		}},
		{"an interface where nothing is unserved any more", func(_, now *figures.Figures) { now.Unserved = nil }, func(r *figures.Rates) {
			r.Unserved, r.Lost = nil, 10
		}},
	} {
		then, now, want := director(2), director(4), both()
		c.change(then, now)
		if c.want != nil {
			c.want(&want)
		} else {
			want = nothingKnown()
		}
		compare(t, c.what, figures.Compare(then, now), &want)
	}
	want := nothingKnown()
	compare(t, "the first sample", figures.Compare(nil, director(4)), &want)
}

func compare(t *testing.T, what string, got, want *figures.Rates) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(figures.Work{})); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// With AF_PACKET, RxRingFull counts how often the ring was full. Other counters have the
// lost frames.
func TestLosses_CountFrames(t *testing.T) {
	for _, c := range []struct {
		io   string
		want uint64
	}{{figures.XDP, 1 + 2 + 4 + 8 + 16 + 32 + 64}, {figures.Packet, 2 + 4 + 8 + 16 + 32 + 64}} {
		q := figures.Queue{
			IO: c.io, RxRingFull: 1, KernelDrops: 2, RxInvalid: 4, TxFull: 8, TxDown: 16, TxInvalid: 32, HostFailed: 64,
			Rx: 1 << 10, Tx: 1 << 11, RxFillEmpty: 1 << 12, HostReturned: 1 << 13, Syscalls: 1 << 14, SuperPackets: 1 << 15,
		}
		total := uint64(0)
		for _, l := range q.Losses() {
			total += l.Frames
			if l.Name == "" || l.Text == "" {
				t.Errorf("%s: a loss without words: %+v", c.io, l)
			}
		}
		if total != c.want {
			t.Errorf("%s: %d frames lost, want %d", c.io, total, c.want)
		}
	}
}

func TestFigures_AddUpWhatWorkersCount(t *testing.T) {
	f := director(4)
	if diff := cmp.Diff(map[string]uint64{"ttl": 80, "table-full": 154}, f.Dropped()); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]uint64{"not-ipv4": 24}, f.Left()); diff != "" {
		t.Errorf("left to the kernel (-want +got):\n%s", diff)
	}
}
