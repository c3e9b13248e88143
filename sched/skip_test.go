package sched_test

import (
	"math/rand/v2"
	"testing"

	"director/sched"
)

// skip lets packets not reach server n, or reach it again.
func (v *service) skip(n int, yes bool) { v.list[len(v.list)-n].Load.Skipped.Store(yes) }

// The schedulers pass over a server that packets cannot reach. Every client gets another
// server, whatever the scheduler and its flags; only none refuses, as ever. A server of
// weight 0 stays one of weight 0.
func TestSkipped_IsPassedOverAndNobodyIsRefused(t *testing.T) {
	for _, name := range sched.Names() {
		for flags := range sched.Flags(4) {
			v := newService(t, name, flags<<3, 5, 5, 5, 5)
			r := rand.New(rand.NewPCG(3, 1))
			for range 40 { // lblc and lblcr remember servers, the server that will be skipped too
				v.Pick(randomFlow(r), 0, v.list, &v.pos)
			}
			v.skip(3, true)
			r = rand.New(rand.NewPCG(3, 1))
			for range 400 {
				f := randomFlow(r)
				i, ok := v.Pick(f, 0, v.list, &v.pos)
				if ok == (name == "none") || ok && len(v.list)-i == 3 {
					t.Errorf("%s, flags %d: %v goes to server %d, %v; want another than 3", name, flags, f.Src, len(v.list)-i, ok)
					break
				}
			}
			for n := 1; n <= 4; n++ {
				v.skip(n, true)
			}
			if i, ok := v.Pick(randomFlow(r), 0, v.list, &v.pos); ok {
				t.Errorf("%s: all are skipped, but server %d is picked", name, len(v.list)-i)
			}
		}
	}
}

// The clients of other servers keep them while a server is skipped, and its own clients go
// back to it.
func TestSkipped_MovesOnlyItsOwnClients(t *testing.T) {
	for _, name := range []string{"sh", "mh"} {
		v := newService(t, name, 0, 1, 2, 3)
		servers := func() (all []int) {
			r := rand.New(rand.NewPCG(5, 1))
			for range 200 {
				i, ok := v.Pick(randomFlow(r), 0, v.list, &v.pos)
				if !ok {
					t.Fatalf("%s: a client is refused", name)
				}
				all = append(all, len(v.list)-i)
			}
			return all
		}
		before := servers()
		v.skip(2, true)
		during := servers()
		v.skip(2, false)
		after := servers()
		moved := 0
		for i := range before {
			if before[i] == 2 {
				moved++
			}
			if before[i] != 2 && during[i] != before[i] || after[i] != before[i] {
				t.Errorf("%s: client %d goes to %d, %d while server 2 is skipped, then %d", name, i, before[i], during[i], after[i])
			}
		}
		if moved == 0 {
			t.Errorf("%s: no client had server 2: the test shows nothing", name)
		}
	}
}

// With weight 0 a hashing scheduler refuses the clients of a server, even if packets cannot
// reach it either: the operator wants that.
func TestSkipped_DoesNotReplaceWeightZero(t *testing.T) {
	for _, name := range []string{"sh", "mh", "dh"} {
		v := newService(t, name, 0, 1, 1)
		v.edit(1, 0)
		v.skip(1, true)
		r := rand.New(rand.NewPCG(9, 1))
		refused := 0
		for range 100 {
			if _, ok := v.Pick(randomFlow(r), 0, v.list, &v.pos); !ok {
				refused++
			}
		}
		if refused == 0 {
			t.Errorf("%s: no client is refused", name)
		}
	}
}

// A server that is skipped is idle. That must not make another one look crowded.
func TestSkipped_DoesNotMakeOthersCrowded(t *testing.T) {
	for _, name := range []string{"lblc", "lblcr"} {
		v := newService(t, name, 0, 9, 9, 9)
		first := v.next(false)
		for n := 1; n <= 3; n++ {
			v.list[len(v.list)-n].Load.Active.Store(8)
		}
		v.busy(int(first[0]-'0'), 10) // more than its weight
		idle := 1
		if first == "1" {
			idle = 2
		}
		v.list[len(v.list)-idle].Load.Active.Store(0)
		v.skip(idle, true)
		if got := v.next(false); got != first {
			t.Errorf("%s: goes to %s, want the remembered %s: the only idle server is skipped", name, got, first)
		}
	}
}
