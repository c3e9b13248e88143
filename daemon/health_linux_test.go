package daemon

import (
	"strings"
	"testing"
	"time"

	"director/conntrack"
	"director/control"
	"director/dataplane"
	"director/dataplane/memport"
	"director/neigh"
	"director/service"
)

// A director is healthy while each of its workers makes steps.
func TestHealthy_NamesAWorkerThatIsStuck(t *testing.T) {
	conns, err := conntrack.New(1000)
	if err != nil {
		t.Fatal(err)
	}
	defer conns.Close()
	var clock memport.Clock
	shared := dataplane.New(dataplane.Options{Conns: conns, Clock: clock.Now})
	control.New(control.Options{
		Shared: shared, Workers: 2,
		Hops: func(table *service.Table) *neigh.Table {
			return neigh.New(neigh.Snapshot{}, control.Addresses(table))
		},
	})
	port := func() []dataplane.Port { return []dataplane.Port{memport.New(), memport.New()} }
	workers, err := dataplane.NewWorkers(shared, []dataplane.Interface{{Queues: port(), Hosts: port()}},
		[]dataplane.Waiter{memport.NewWaiter(), memport.NewWaiter()})
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{shared: shared, workers: workers}
	step := func(which ...*dataplane.Worker) {
		t.Helper()
		clock.Advance(stuckTime)
		for _, w := range which {
			if _, err := w.Step(); err != nil {
				t.Fatal(err)
			}
		}
	}
	step(workers...)
	step(workers[0])
	if err := d.healthy(); err != nil {
		t.Errorf("after %v without a step of worker 1: %v, want patience", stuckTime, err)
	}
	clock.Advance(time.Second)
	step(workers[0])
	if err := d.healthy(); err == nil || !strings.Contains(err.Error(), "worker 1 has not made a step for 11 s") {
		t.Errorf("got %v, want word of worker 1", err)
	}
	step(workers...)
	if err := d.healthy(); err != nil {
		t.Errorf("both work again: %v", err)
	}
}
