package dataplane_test

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"director/dataplane"
	"director/dataplane/memport"
	"director/internal/packettest"
	"director/packet"
)

// In TestStep_GiantLockLetsOneWorkerWork each reading of the clock, which is inside a
// step, yields to the other worker.
func TestStep_GiantLockLetsOneWorkerWork(t *testing.T) {
	var working, together atomic.Int32
	r := newRig(t, options{queues: [2]int{2, 2}, giant: true, unordered: true, clock: func(r *rig) int64 {
		if working.Add(1) > 1 {
			together.Add(1)
		}
		runtime.Gosched()
		working.Add(-1)
		return r.clock.Now()
	}})
	var wg sync.WaitGroup
	for _, w := range r.workers {
		wg.Go(func() {
			for range 2000 {
				if _, err := w.Step(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := together.Load(); n > 0 {
		t.Errorf("two workers were in a step at the same time, %d times", n)
	}
}

// TestRun_WorkersShareOneDirector runs two workers as goroutines. Both receive
// frames, and answers arrive on the queue of the other worker. The view changes
// meanwhile. One worker hands its frames to the other.
func TestRun_WorkersShareOneDirector(t *testing.T) {
	r := newRig(t, options{queues: [2]int{2, 1}, unordered: true})
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

// broken is a port whose device was removed.
type broken struct{ *memport.Port }

var errGone = errors.New("device gone")

func (broken) Recv(*packet.Batch) error { return errGone }

func TestRun_EndsWhenAPortBreaks(t *testing.T) {
	r := newRig(t, options{})
	workers, err := dataplane.NewWorkers(r.shared,
		[]dataplane.Interface{{Queues: []dataplane.Port{broken{memport.New()}}, Hosts: []dataplane.Port{memport.New()}}},
		[]dataplane.Waiter{memport.NewWaiter()})
	if err != nil {
		t.Fatal(err)
	}
	if err := workers[0].Run(); !errors.Is(err, errGone) {
		t.Errorf("Run: %v, want %v", err, errGone)
	}
}

func TestNewWorkers_TakesSixteenInterfaces(t *testing.T) {
	r := newRig(t, options{})
	ifaces := make([]dataplane.Interface, 17)
	for i := range ifaces {
		ifaces[i] = dataplane.Interface{Queues: []dataplane.Port{memport.New()}, Hosts: []dataplane.Port{memport.New()}}
	}
	waiters := []dataplane.Waiter{memport.NewWaiter()}
	if _, err := dataplane.NewWorkers(r.shared, ifaces[:16], waiters); err != nil {
		t.Errorf("16 interfaces: %v", err)
	}
	if _, err := dataplane.NewWorkers(r.shared, ifaces, waiters); err == nil || err.Error() != "17 interfaces: want 16 or fewer" {
		t.Errorf("17 interfaces: %v", err)
	}
}

// sleeper is a Waiter that reports when the worker sleeps, and for how long.
type sleeper struct {
	*memport.Waiter
	sleeps func(nanoseconds int64)
}

func (s sleeper) Wait(nanoseconds int64) error {
	s.sleeps(nanoseconds)
	return nil
}

// alone returns the only worker of a rig, with a Waiter that the test controls.
func (r *rig) alone(sleeps func(w *dataplane.Worker, nanoseconds int64)) *dataplane.Worker {
	r.t.Helper()
	var workers []*dataplane.Worker
	waiter := sleeper{memport.NewWaiter(), func(nanoseconds int64) { sleeps(workers[0], nanoseconds) }}
	ifaces := make([]dataplane.Interface, 2)
	for a := range ifaces {
		ifaces[a].Queues, ifaces[a].Hosts = []dataplane.Port{r.ports[a][0]}, []dataplane.Port{r.hosts[a][0]}
	}
	workers, err := dataplane.NewWorkers(r.shared, ifaces, []dataplane.Waiter{waiter})
	if err != nil {
		r.t.Fatal(err)
	}
	return workers[0]
}

func TestRun_ExpiresDueConnectionsBeforeItSleeps(t *testing.T) {
	r := newRig(t, options{})
	for i := range 1000 {
		r.ports[0][0].Push(fromClient(1000+i, packettest.Frame{Flags: "S"}))
	}
	var held []int
	w := r.alone(func(w *dataplane.Worker, _ int64) {
		held = append(held, r.shared.Conns().Used())
		r.clock.Advance(time.Minute)
		if len(held) == 2 {
			w.Stop()
		}
	})
	if err := w.Run(); err != nil || !slices.Equal(held, []int{1000, 0}) {
		t.Errorf("%v connections when the worker slept, want 1000 and then none; %v", held, err)
	}
}

func TestRun_SleepsShortlyWhileFramesArePending(t *testing.T) {
	r := newRig(t, options{noClient: true})
	r.ports[0][0].Push(fromClient(1000, packettest.Frame{Flags: "S"}))
	var slept []int64
	w := r.alone(func(w *dataplane.Worker, nanoseconds int64) {
		switch slept = append(slept, nanoseconds); len(slept) {
		case 1:
			r.ports[1][0].Push(fromServer(4, 1000, packettest.Frame{Flags: "SA"})) // for a client without a neighbour entry
		case 2:
			r.clock.Advance(2 * time.Second)
		case 3:
			w.Stop()
		}
	})
	want := []int64{dataplane.MaxSleep, dataplane.PendingSleep, dataplane.MaxSleep}
	if err := w.Run(); err != nil || !slices.Equal(slept, want) {
		t.Errorf("slept %v, want %v; %v", slept, want, err)
	}
}

// Every step publishes its time, with or without frames.
func TestStep_SaysWhenItWasMade(t *testing.T) {
	r := newRig(t, options{})
	w := r.workers[0]
	for range 3 {
		r.clock.Advance(700 * time.Millisecond)
		if _, err := w.Step(); err != nil {
			t.Fatal(err)
		}
		if got := w.Stepped(); got != r.clock.Now() {
			t.Errorf("last step at %d, want %d", got, r.clock.Now())
		}
	}
}
