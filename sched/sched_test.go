package sched_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"director/packet"
	"director/sched"
)

// service is a service under test: servers are named 1, 2, 3 in the order in
// which they were added, and stand in the list in reverse.
type service struct {
	sched.Scheduler
	name  string
	flags sched.Flags
	list  sched.Servers
	pos   sched.Position
}

// seed is what every scheduler under test draws from.
const seed = 7

func newService(t testing.TB, name string, flags sched.Flags, weights ...int32) *service {
	t.Helper()
	s, err := sched.New(name, sched.Options{Flags: flags, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	v := &service{Scheduler: s, name: name, flags: flags}
	v.Bind(nil, &v.pos)
	for _, w := range weights {
		v.add(w)
	}
	return v
}

func (v *service) add(weight int32) {
	addr := packet.AddrFrom4(0x0a000201 + uint32(len(v.list))) // from 10.0.2.1 on
	v.list = append(sched.Servers{{Addr: addr, Port: 80, Weight: weight, LastWeight: weight, Load: new(sched.Load)}}, v.list...)
	v.Added(v.list, &v.pos)
}

// edit gives server n another weight.
func (v *service) edit(n int, weight int32) {
	at := len(v.list) - n
	v.list = slices.Clone(v.list)
	if v.list[at].Weight = weight; weight != 0 {
		v.list[at].LastWeight = weight
	}
	v.Edited(v.list, at, &v.pos)
}

// remove removes server n. Those added after it are then called one less.
func (v *service) remove(n int) {
	at := len(v.list) - n
	v.list = slices.Delete(slices.Clone(v.list), at, at+1)
	v.Removed(v.list, at, &v.pos)
}

// overload lets server n cross its thresholds, up or down.
func (v *service) overload(n int, yes bool) { v.list[len(v.list)-n].Load.Overloaded.Store(yes) }

// sequence schedules so many connections and returns the names of their servers.
func (v *service) sequence(connections int, active bool) string {
	var names strings.Builder
	for range connections {
		names.WriteString(v.next(active))
	}
	return names.String()
}

// next schedules one connection and returns the name of its server, or "-".
func (v *service) next(active bool) string {
	i, ok := v.Pick(&packet.Flow{}, 0, v.list, &v.pos)
	if !ok {
		return "-"
	}
	v.list[i].Load.Total.Add(1)
	if active {
		v.list[i].Load.Active.Add(1)
	}
	return fmt.Sprint(len(v.list) - i)
}

// The sequences were seen on a live kernel IPVS; tcp connections are active,
// udp ones never.
func TestSchedulers_FollowTheKernelsSequences(t *testing.T) {
	for _, c := range []struct {
		name    string
		weights []int32
		udp     bool
		want    string
	}{
		{"rr", []int32{1, 1, 1}, false, "321321"},
		{"rr", []int32{1, 0, 5}, false, "313131"},
		{"rr", []int32{0, 0}, false, "--"},
		{"rr", nil, false, "-"},
		{"wrr", []int32{3, 1}, false, "21112111"},
		{"wrr", []int32{1, 2, 3}, false, "321332321332321332"},
		{"wrr", []int32{0, 0}, false, "--"},
		{"wrr", nil, false, "-"},
		{"lc", []int32{1, 1, 1}, false, "321321"},
		{"lc", []int32{9, 0, 1}, false, "3131"},
		{"lc", []int32{0}, false, "-"},
		{"wlc", []int32{1, 2, 3}, false, "321323321323"},
		{"wlc", []int32{1, 2, 3}, true, "321323321323"},
		{"wlc", []int32{0, 0, 0}, false, "-"},
		{"wlc", nil, false, "-"},
		{"lblc", []int32{1, 2, 3}, true, "333333333333"},
		{"lblc", []int32{0, 0}, false, "--"},
		{"lblcr", []int32{1, 2, 3}, true, "333333333333"},
		{"lblcr", nil, false, "-"},
		{"sed", []int32{1, 2, 3}, false, "323321323"},
		{"sed", []int32{1, 2, 3}, true, "333333333333"},
		{"sed", []int32{0}, false, "-"},
		{"nq", []int32{1, 2, 3}, false, "321332323321323321"},
		{"nq", []int32{1, 2, 3}, true, "333333"},
		{"nq", []int32{0, 0}, false, "--"},
		{"fo", []int32{1, 2, 3}, false, "333333333333"},
		{"fo", []int32{2, 2, 1}, false, "222"},
		{"fo", []int32{0}, false, "-"},
		{"ovf", []int32{1, 2, 3}, false, "333322211---"},
		{"ovf", []int32{1, 0, 1}, false, "3311--"},
		{"ovf", nil, false, "-"},
		{"none", []int32{1, 2, 3}, false, "---"},
	} {
		v := newService(t, c.name, 0, c.weights...)
		if got := v.sequence(len(c.want), !c.udp); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.name, c.weights, got, c.want)
		}
	}
}

// TestLeastConnection_CountsAnActiveOneAs257 weighs connections that are active
// against ones that are not.
func TestLeastConnection_CountsAnActiveOneAs257(t *testing.T) {
	for _, name := range []string{"lc", "wlc", "lblc", "lblcr"} {
		for inactive, want := range map[int64]string{256: "2", 257: "2", 258: "1"} {
			v := newService(t, name, 0, 1, 1)
			v.busy(1, 1)
			v.list[0].Load.Total.Store(inactive) // of server 2, the first in the list
			if got := v.next(true); got != want {
				t.Errorf("%s: 1 active against %d inactive goes to %s, want %s", name, inactive, got, want)
			}
		}
	}
}

func TestNew_KnowsItsNames(t *testing.T) {
	for _, n := range sched.Names() {
		if _, err := sched.New(n, sched.Options{}); err != nil {
			t.Error(err)
		}
	}
	if _, err := sched.New("fastest", sched.Options{}); err == nil {
		t.Error("New knows a scheduler that does not exist")
	}
}

// TestPick_StandsOverloadThatComesAndGoes lets workers change what they may
// change without the service's lock.
func TestPick_StandsOverloadThatComesAndGoes(t *testing.T) {
	for _, name := range sched.Names() {
		v := newService(t, name, sched.Fallback, 0, 1, 2, 0)
		done, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				l := v.list[1+n%2].Load
				l.Overloaded.Store(n%3 > 0)
				l.Active.Store(int64(n % 2))
			}
		}()
		r := rand.New(rand.NewPCG(1, 1))
		for range 3000 {
			if i, ok := v.Pick(randomFlow(r), 0, v.list, &v.pos); ok && v.list[i].Weight == 0 {
				t.Errorf("%s: picked server %d, of weight 0", name, len(v.list)-i)
				break
			}
		}
		close(done)
		<-stopped
	}
}

func TestPick_DoesNotAllocate(t *testing.T) {
	for _, name := range sched.Names() {
		v := newService(t, name, 0, 1, 2, 3)
		flow := packet.Flow{}
		if n := testing.AllocsPerRun(100, func() { v.Pick(&flow, 0, v.list, &v.pos) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}

// TestSchedulers_GoOnAfterAnEdit lets four connections begin, changes the
// service, and lets more begin.
func TestSchedulers_GoOnAfterAnEdit(t *testing.T) {
	for _, c := range []struct {
		what, name string
		weights    []int32
		change     func(v *service)
		want       string
	}{
		{"the one served last leaves", "rr", []int32{1, 1, 1, 1, 1}, func(v *service) { v.remove(2) }, "1432"},
		{"the first in the list leaves, served last", "rr", []int32{1, 1, 1, 1}, func(v *service) {
			v.next(true) // 4
			v.remove(4)
		}, "321321"},
		{"one who is to come leaves", "rr", []int32{1, 1, 1, 1, 1}, func(v *service) { v.remove(1) }, "4321"},
		{"a weight of 0, and back", "rr", []int32{1, 1, 1}, func(v *service) { v.edit(2, 0); v.edit(2, 5) }, "213213"},
		{"overload", "rr", []int32{1, 1, 1}, func(v *service) { v.overload(2, true) }, "1313"},
		{"another scheduler, and back", "rr", []int32{1, 1, 1}, func(v *service) { v.Bind(v.list, &v.pos) }, "321321"},

		{"an edit that changes nothing", "wrr", []int32{1, 2, 3}, func(v *service) { v.edit(1, 1) }, "332321"},
		{"another scheduler, and back", "wrr", []int32{1, 2, 3}, func(v *service) { v.Bind(v.list, &v.pos) }, "332321"},
		{"the heaviest is overloaded", "wrr", []int32{1, 2, 3}, func(v *service) { v.overload(3, true) }, "221221"},
		{"all are overloaded", "wrr", []int32{1, 2}, func(v *service) { v.overload(1, true); v.overload(2, true) }, "--"},
		{"weights to the limit", "wrr", []int32{1, math.MaxInt32}, func(v *service) { v.overload(2, true) }, "1111"},
		{"nobody is left", "wrr", []int32{1}, func(v *service) { v.remove(1) }, "-"},

		{"overload", "fo", []int32{1, 2, 3}, func(v *service) { v.overload(3, true) }, "222"},
		{"overload", "ovf", []int32{1, 2, 3}, func(v *service) { v.overload(3, true) }, "22211-"},
		{"overload", "nq", []int32{1, 2, 9}, func(v *service) { v.overload(3, true) }, "2221"},
		{"overload", "lblc", []int32{9, 9}, func(v *service) { v.overload(2, true) }, "22"},
		{"overload", "lblcr", []int32{9, 9}, func(v *service) { v.overload(2, true) }, "11"},
	} {
		v := newService(t, c.name, 0, c.weights...)
		before := v.sequence(4, true)
		c.change(v)
		if got := v.sequence(len(c.want), true); got != c.want {
			t.Errorf("%s %v after %s: %s: %s, want %s", c.name, c.weights, before, c.what, got, c.want)
		}
	}
}
