package dataplane_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"director/control"
	"director/internal/packettest"
	"director/service"
)

// The counts of each worker for a server are in the statistics of the server, of its
// service and in the total: connections, and IP packets and bytes in both directions.
func TestStatistics_AreOfAllWorkers(t *testing.T) {
	const queues, each = 4, 25 // connections of each worker
	r := newRig(t, options{queues: [2]int{queues, queues}})
	for i := range queues * each {
		r.ports[0][i%queues].Push(fromClient(10000+i, packettest.Frame{Flags: "S"}))
	}
	r.step()
	for i := range queues * each {
		r.ports[0][(i+1)%queues].Push(fromClient(10000+i, packettest.Frame{Flags: "PA", Payload: make([]byte, 60)}))
	}
	r.step()
	r.answerAll(service.NAT, "A") // each segment, on the queue of a third worker
	if got := r.control.Services()[0].Stats; got != (control.Stats{}) {
		t.Errorf("%+v shown before the first Estimate", got)
	}
	r.control.Estimate()
	services := r.control.Services()
	n := uint64(queues * each)
	want := control.Stats{Conns: n, InPkts: 2 * n, OutPkts: 2 * n, InBytes: n * (40 + 100), OutBytes: 2 * n * 40}
	if services[0].Stats != want {
		t.Errorf("the service: %+v, want %+v", services[0].Stats, want)
	}
	var sum control.Stats
	for _, s := range services[0].Servers {
		sum.Conns += s.Stats.Conns
		sum.InPkts += s.Stats.InPkts
		sum.OutPkts += s.Stats.OutPkts
		sum.InBytes += s.Stats.InBytes
		sum.OutBytes += s.Stats.OutBytes
		if s.Stats.Conns != n/4 {
			t.Errorf("%v: %+v, want %d connections", s.Addr, s.Stats, n/4)
		}
	}
	if sum != want {
		t.Errorf("the servers together: %+v, want %+v", sum, want)
	}
	if services[1].Stats != (control.Stats{}) {
		t.Errorf("the other service: %+v, want nothing", services[1].Stats)
	}
}

// Answers that do not pass through the director are not counted. A packet that is
// dropped on the way to a server is counted.
func TestStatistics_CountWhatCameForAConnection(t *testing.T) {
	r := newRig(t, options{method: service.DR})
	r.ports[0][0].Push(
		fromClient(1, packettest.Frame{Flags: "S"}), fromClient(1, packettest.Frame{Flags: "A", TTL: 1}),
		fromClient(2, packettest.Frame{Flags: "A"}), // without a connection
	)
	r.step()
	r.control.Estimate()
	want := control.Stats{Conns: 1, InPkts: 2, InBytes: 80}
	if got := r.control.Services()[0].Stats; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// The counts can be read at any time while workers run, and never decrease.
func TestStatistics_WhileWorkersRun(t *testing.T) {
	const queues, n = 2, 400
	r := newRig(t, options{queues: [2]int{queues, queues}, unordered: true})
	var wg sync.WaitGroup
	for _, w := range r.workers {
		wg.Go(func() {
			if err := w.Run(); err != nil {
				t.Error(err)
			}
		})
	}
	var last control.Stats
	look := func() {
		r.control.Estimate()
		now := r.control.Services()[0].Stats
		if now.Conns < last.Conns || now.InPkts < last.InPkts || now.InBytes < last.InBytes {
			t.Errorf("%+v after %+v", now, last)
		}
		last = now
		for _, w := range r.workers {
			if c := w.Counts(); c.Conns > n {
				t.Errorf("a worker counts %d connections", c.Conns)
			}
		}
	}
	for i := range n {
		r.ports[0][i%queues].Push(fromClient(10000+i, packettest.Frame{Flags: "S"}))
		if i%10 == 0 {
			look()
		}
	}
	for sent, deadline := 0, time.Now().Add(30*time.Second); sent < n && time.Now().Before(deadline); runtime.Gosched() {
		for _, p := range r.ports[1] {
			sent += len(p.Take())
		}
		look()
	}
	for _, w := range r.workers {
		w.Stop()
	}
	wg.Wait()
	look()
	if last.Conns != n || last.InPkts != n || last.InBytes != 40*n {
		t.Errorf("%+v, want %d connections and packets of 40 bytes", last, n)
	}
}
