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

// model chooses by the words of the rule, without cleverness.
type model struct {
	last    int // rr and wrr: index last picked, -1 at the head of the list
	cw      int64
	weights []int64
}

func (m *model) pick(name string, v *service) (int, bool) {
	switch name {
	case "rr":
		for k := 1; k <= len(v.list); k++ {
			i := (m.last + k) % len(v.list)
			if v.list[i].Weight > 0 {
				m.last = i
				return i, true
			}
		}
	case "wrr":
		return m.wrr()
	default:
		best, found := 0, false
		for i := range v.list {
			if v.list[i].Weight == 0 {
				continue
			}
			if !found || m.cost(name, v, i) < m.cost(name, v, best) {
				best, found = i, true
			}
		}
		return best, found
	}
	return 0, false
}

func (m *model) cost(name string, v *service, i int) float64 {
	l := v.list[i].Load
	cost := float64(256*l.Active.Load() + l.Total.Load())
	if name == "wlc" {
		cost /= float64(v.list[i].Weight)
	}
	return cost
}

// wrr follows the sheet: positions after the last one, weight at least cw; at
// the end of the list cw falls by the gcd.
func (m *model) wrr() (int, bool) {
	gcd, heaviest := int64(0), int64(0)
	for _, w := range m.weights {
		heaviest = max(heaviest, w)
		for d := w; d > 0; d-- {
			if w%d == 0 && (gcd == 0 || gcd%d == 0) {
				gcd = d
				break
			}
		}
	}
	for g := gcd; g > 0; g-- {
		all := true
		for _, w := range m.weights {
			all = all && w%g == 0
		}
		if all {
			gcd = g
			break
		}
	}
	if heaviest == 0 {
		return 0, false
	}
	for {
		for i := m.last + 1; i < len(m.weights); i++ {
			if m.weights[i] >= m.cw {
				m.last = i
				return i, true
			}
		}
		m.last = -1
		if m.cw -= gcd; m.cw <= 0 {
			m.cw = heaviest - (gcd - 1)
		}
	}
}

func TestSchedulers_AgreeWithASlowModel(t *testing.T) {
	for _, name := range sched.Names() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(50) {
				r := rand.New(rand.NewPCG(seed, 99))
				v := newService(t, name)
				m := &model{last: -1}
				for range 1 + r.IntN(8) {
					// Powers of two keep the model's quotients exact.
					v.add(int32(1<<r.IntN(5)) * int32(min(1, r.IntN(5))))
				}
				for i := range v.list {
					m.weights = append(m.weights, int64(v.list[i].Weight))
				}
				m.cw = firstRound(v)
				for op := range 2000 {
					if r.IntN(3) == 0 { // a connection ends
						l := v.list[r.IntN(len(v.list))].Load
						if l.Total.Load() > 0 {
							l.Total.Add(-1)
							l.Active.Store(min(l.Active.Load(), l.Total.Load()))
						}
					}
					want, wantOK := m.pick(name, v)
					got, ok := v.Pick(&packet.Flow{}, 0, v.list, &v.pos)
					if ok != wantOK || ok && got != want {
						t.Fatalf("seed %d operation %d: picked %d %v, want %d %v", seed, op, got, ok, want, wantOK)
					}
					if ok {
						v.list[got].Load.Total.Add(1)
						v.list[got].Load.Active.Add(int64(r.IntN(2)))
					}
				}
			}
		})
	}
}

// firstRound replays the kernel's bookkeeping on adding: cw begins at the first
// usable server's round and is kept, or cut to the new step, from then on.
func firstRound(v *service) int64 {
	cw := int64(0)
	for n := 1; n <= len(v.list); n++ {
		var gcd, heaviest int64
		for _, s := range v.list[len(v.list)-n:] {
			w := int64(s.Weight)
			heaviest = max(heaviest, w)
			for a, b := gcd, w; ; a, b = b, a%b {
				if b == 0 {
					gcd = a
					break
				}
			}
		}
		gcd = max(gcd, 1)
		first := heaviest - (gcd - 1)
		if heaviest == 0 {
			first = 0
		}
		if cw > first || cw == 0 {
			cw = first
		} else if gcd > 1 {
			cw = cw/gcd*gcd + 1
		}
	}
	return cw
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
