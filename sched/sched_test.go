package sched_test

import (
	"fmt"
	"strings"
	"testing"

	"director/packet"
	"director/sched"
)

// service is a service under test: servers are named 1, 2, 3 in the order in
// which they were added, and stand in the list in reverse.
type service struct {
	sched.Scheduler
	list sched.Servers
	pos  sched.Position
}

func newService(t testing.TB, name string, weights ...int32) *service {
	t.Helper()
	s, err := sched.New(name)
	if err != nil {
		t.Fatal(err)
	}
	v := &service{Scheduler: s}
	for _, w := range weights {
		v.add(w)
	}
	return v
}

func (v *service) add(weight int32) {
	v.list = append(sched.Servers{{Weight: weight, Load: new(sched.Load)}}, v.list...)
	v.Changed(v.list, 1, &v.pos)
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
	} {
		v := newService(t, c.name, c.weights...)
		var got strings.Builder
		for range c.want {
			got.WriteString(v.next(!c.udp))
		}
		if got.String() != c.want {
			t.Errorf("%s %v: %s, want %s", c.name, c.weights, got.String(), c.want)
		}
	}
}

func TestNew_KnowsItsNames(t *testing.T) {
	for _, n := range sched.Names() {
		if _, err := sched.New(n); err != nil {
			t.Error(err)
		}
	}
	if _, err := sched.New("fastest"); err == nil {
		t.Error("New knows a scheduler that does not exist")
	}
}

func TestPick_DoesNotAllocate(t *testing.T) {
	for _, name := range sched.Names() {
		v := newService(t, name, 1, 2, 3)
		flow := packet.Flow{}
		if n := testing.AllocsPerRun(100, func() { v.Pick(&flow, 0, v.list, &v.pos) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}
