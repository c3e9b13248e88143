package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"director/dataplane"
	"director/dataplane/afpacket"
	"director/dataplane/afxdp"
	"director/internal/fields"
	"director/packet"
	"director/view/figures"
)

// Each counter of a port is a different power of two, so a sum shows its terms.
func TestFigures_OfAQueueAreItsPorts(t *testing.T) {
	var xdp, tap figures.Queue
	addXDP(&xdp, &afxdp.Counters{
		Received: 1, Transmitted: 2, TxFull: 4, TxDown: 8, TxInvalid: 16, TxRefused: 32,
		Kicks: 64, DownKicks: 128, KickErrors: 256, Wakes: 512,
		Kernel: unix.XDPStatistics{
			Rx_dropped: 1 << 10, Rx_invalid_descs: 1 << 11, Tx_invalid_descs: 1 << 12,
			Rx_ring_full: 1 << 13, Rx_fill_ring_empty_descs: 1 << 14, Tx_ring_empty_descs: 1 << 15,
		},
	})
	addPacket(&tap, &afpacket.Counters{
		Rx: 1, RxSuper: 2, RxSegments: 4, RxChecksums: 8, RxTruncated: 16, RxOversize: 32, RxUnsupported: 64,
		Tx: 128, TxFull: 256, TxDown: 512, TxOversize: 1 << 10, TxErrors: 1 << 11, KernelDrops: 1 << 12, KernelFreezes: 1 << 13,
	})
	for what, c := range map[string]struct{ got, want figures.Queue }{
		"AF_XDP": {xdp, figures.Queue{
			IO: "AF_XDP", Rx: 1, Tx: 2, TxFull: 4, TxDown: 8, TxInvalid: 16 + 32 + 1<<12,
			KernelDrops: 1 << 10, RxInvalid: 1 << 11, RxRingFull: 1 << 13, RxFillEmpty: 1 << 14, Syscalls: 64 + 512,
		}},
		"AF_PACKET": {tap, figures.Queue{
			IO: "AF_PACKET", Rx: 1, Tx: 128, SuperPackets: 2, RxInvalid: 16 + 32 + 64,
			TxFull: 256, TxDown: 512, TxInvalid: 1<<10 + 1<<11, KernelDrops: 1 << 12, RxRingFull: 1 << 13,
		}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

// working returns a rig whose first worker has handled packets.
func working(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, website)
	r.receive(0, frame(packet.ProtoTCP, 1024, 80), frame(packet.ProtoTCP, 1025, 80), frame(packet.ProtoTCP, 1026, 81))
	r.receive(1)
	return r
}

func TestFigures_AreWhatWorkersCount(t *testing.T) {
	r := working(t)
	if f := r.Figures(); !f.Counted.IsZero() {
		t.Errorf("counted at %v, want never", f.Counted)
	}
	r.counted.Store(1_700_000_000_000_000_000)
	f := r.Figures()
	if f.Counted.Unix() != 1_700_000_000 || f.Started != r.started || f.At.Before(f.Started) || f.PID == 0 {
		t.Errorf("at %v, started %v, counted %v, process %d", f.At, f.Started, f.Counted, f.PID)
	}
	if want := (figures.Table{Size: r.shared.Conns().Size(), Used: 2}); f.Table != want {
		t.Errorf("table %+v, want %+v", f.Table, want)
	}
	zero := map[string]uint64{}
	want := []figures.Worker{
		{
			Index: 0, CPU: 5, Rx: map[string]uint64{"eth0": 3}, Tx: map[string]uint64{"eth0": 2},
			Host: map[string]uint64{"no-service": 1}, Drops: zero, Conns: 2, Batches: []uint64{0, 0, 1, 0, 0, 0, 0},
		},
		{Index: 1, CPU: 7, Rx: map[string]uint64{"eth0": 0}, Tx: map[string]uint64{"eth0": 0}, Host: zero, Drops: zero, Batches: make([]uint64, 7)},
	}
	if diff := cmp.Diff(want, f.Workers); diff != "" {
		t.Errorf("workers (-want +got):\n%s", diff)
	}
	queues := []figures.Queue{{Interface: "eth0", Queue: 0, Worker: 0}, {Interface: "eth0", Queue: 1, Worker: 1}}
	if diff := cmp.Diff(queues, f.Queues); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
}

// The test fails if a field is added to a worker's counts without a name.
func TestNameCounts_LeavesNothingOut(t *testing.T) {
	counts := fields.Full[dataplane.Counts]()
	unseen := fields.Unseen(counts, func(c dataplane.Counts) string { return fmt.Sprintf("%+v", nameCounts(c, []string{"eth0"})) })
	if len(unseen) != 0 {
		t.Errorf("%v of the counts are in no figure", unseen)
	}
}

// A thread's clock advances while the thread computes. A thread that does not exist has
// no clock.
func TestThreadSeconds_AreOfTheThread(t *testing.T) {
	if s := threadSeconds(0); s != 0 {
		t.Errorf("of no thread: %v s, want 0", s)
	}
	if s := threadSeconds(unix.Getpid()); s <= 0 || s > time.Hour.Seconds() {
		t.Errorf("of the first thread: %v s", s)
	}
}

func TestReport_NamesWhatEachWorkerDid(t *testing.T) {
	r := working(t)
	r.logged.take()
	r.report()
	got := strings.Split(strings.TrimSpace(r.logged.take()), "\n")
	want := []string{
		`{"level":"info","worker":0,"connections":2,"expired":0,"handoff":0,"batches":[0,0,1,0,0,0,0],"rx-eth0":3,"tx-eth0":2,"host":{"no-service":1},"drops":{},"message":"worker done"}`,
		`{"level":"info","worker":1,"connections":0,"expired":0,"handoff":0,"batches":[0,0,0,0,0,0,0],"rx-eth0":0,"tx-eth0":0,"host":{},"drops":{},"message":"worker done"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// The window shows a director while its workers exist, and its last figures afterwards. A
// reader may use it while it closes.
func TestWindow_KeepsTheLastNumbers(t *testing.T) {
	r := working(t)
	w := &r.window
	if f := w.Figures(); len(f.Workers) != 0 || len(w.Services()) != 0 {
		t.Errorf("before it opens: %+v", f)
	}
	w.open(r.Daemon)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100 {
			w.Figures()
			w.Services()
			w.Counted()
		}
	}()
	w.close()
	<-done
	r.workers = nil // the window does not read them any more
	if f := w.Figures(); len(f.Workers) != 2 || f.Workers[0].Rx["eth0"] != 3 {
		t.Errorf("after it closed: %+v", f.Workers)
	}
	if len(w.Services()) != 1 || w.Counted().Conns != 2 {
		t.Errorf("after it closed: services %v, counted %+v", w.Services(), w.Counted())
	}
}
