package sched_test

import (
	"fmt"
	"math/rand/v2"
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
	} {
		v := newService(t, c.name, 0, c.weights...)
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
		if _, err := sched.New(n, sched.Options{}); err != nil {
			t.Error(err)
		}
	}
	if _, err := sched.New("fastest", sched.Options{}); err == nil {
		t.Error("New knows a scheduler that does not exist")
	}
}

// TestPick_FromACopyOfThePositionLeavesNoTrace compares a service that is asked
// in between where connections would go with one that is not.
func TestPick_FromACopyOfThePositionLeavesNoTrace(t *testing.T) {
	for _, name := range sched.Names() {
		r := rand.New(rand.NewPCG(1, 1))
		asked, quiet := newService(t, name, 0, 1, 2, 0, 3), newService(t, name, 0, 1, 2, 0, 3)
		quiet.list = asked.list // loads, too
		for op := range 2000 {
			for range r.IntN(3) {
				pos := asked.pos
				asked.Pick(randomFlow(r), int64(op), asked.list, &pos)
			}
			f := randomFlow(r)
			pos := asked.pos
			dry, dryOK := asked.Pick(f, int64(op), asked.list, &pos)
			got, ok := asked.Pick(f, int64(op), asked.list, &asked.pos)
			want, wantOK := quiet.Pick(f, int64(op), quiet.list, &quiet.pos)
			if ok != wantOK || got != want || ok != dryOK || got != dry {
				t.Fatalf("%s operation %d: %d %v, said before %d %v, without asking %d %v", name, op, got, ok, dry, dryOK, want, wantOK)
			}
			if ok {
				asked.list[got].Load.Total.Add(1)
				asked.list[got].Load.Active.Add(int64(r.IntN(2)))
			}
			asked.end(r.IntN(4))
		}
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
