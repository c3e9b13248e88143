package sched_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"director/packet"
	"director/sched"
)

// model chooses by the words of the rule, without cleverness. It looks at the
// list of the service under test and keeps the rest itself.
type model struct {
	*service
	last    int   // rr and wrr: index last picked, -1 at the head of the list
	cw      int64 // wrr
	buckets []int // dh, sh, mh: indices
	random  *rand.Rand

	// lblc and lblcr
	memories     map[packet.Addr]*memory
	begun, ticks int64
}

func newModel(v *service) *model {
	return &model{service: v, last: -1, random: rand.New(rand.NewPCG(seed, 1)), memories: map[packet.Addr]*memory{}}
}

func (m *model) pick(f *packet.Flow, now int64) (int, bool) {
	switch m.name {
	case "rr":
		for k := 1; k <= len(m.list); k++ {
			if i := (m.last + k) % len(m.list); m.list[i].Weight > 0 {
				m.last = i
				return i, true
			}
		}
		return 0, false
	case "wrr":
		return m.wrr()
	case "dh", "sh", "mh":
		return m.hashed(f)
	case "twos":
		return m.twos()
	case "lblc", "lblcr":
		return m.local(f, now)
	case "none":
		return 0, false
	case "nq":
		if i, ok := m.best(func(i int) (float64, bool) { return 0, m.active(i) == 0 }); ok {
			return i, true
		}
	}
	return m.best(m.cost)
}

// best returns the server of positive weight that costs least and may be taken;
// the first of equals.
func (m *model) best(cost func(i int) (float64, bool)) (best int, found bool) {
	var least float64
	for i := range m.list {
		c, ok := cost(i)
		if m.list[i].Weight > 0 && ok && (!found || c < least) {
			best, found, least = i, true, c
		}
	}
	return best, found
}

// cost is exact: quotients of integers so small differ by more than a float64
// can lose, and equal ones are equal in it.
func (m *model) cost(i int) (float64, bool) {
	weight, overhead := float64(m.list[i].Weight), 256*m.active(i)+float64(m.list[i].Load.Total.Load())
	switch m.name {
	case "lc":
		return overhead, true
	case "sed", "nq":
		return (m.active(i) + 1) / weight, true
	case "fo":
		return -weight, true
	case "ovf":
		return -weight, m.active(i) <= weight
	}
	return overhead / weight, true
}

func (m *model) active(i int) float64 { return float64(m.list[i].Load.Active.Load()) }

// wrr follows the sheet: positions after the last one, weight at least cw; at
// the end of the list cw falls by the gcd.
func (m *model) wrr() (int, bool) {
	gcd, first := m.rounds()
	if first == 0 {
		return 0, false
	}
	for {
		for i := m.last + 1; i < len(m.list); i++ {
			if int64(m.list[i].Weight) >= m.cw {
				m.last = i
				return i, true
			}
		}
		m.last = -1
		if m.cw -= gcd; m.cw <= 0 {
			m.cw = first
		}
	}
}

// twos lays the servers end to end, each as long as it weighs, draws two points
// and compares the servers there.
func (m *model) twos() (int, bool) {
	line := []int{-1}
	for i := range m.list {
		for range m.list[i].Weight {
			line = append(line, i)
		}
	}
	if len(line) == 1 {
		return 0, false
	}
	line[0] = line[1]
	a := line[m.random.Int64N(int64(len(line)))]
	b := line[m.random.Int64N(int64(len(line)))]
	costA, _ := m.cost(a)
	if costB, _ := m.cost(b); costB < costA {
		return b, true
	}
	return a, true
}

// rounds tries all divisors for the greatest one.
func (m *model) rounds() (gcd, first int64) {
	heaviest := int64(0)
	for i := range m.list {
		heaviest = max(heaviest, int64(m.list[i].Weight))
	}
	for gcd = max(1, heaviest); ; gcd-- {
		divides := true
		for i := range m.list {
			divides = divides && int64(m.list[i].Weight)%gcd == 0
		}
		if divides {
			return gcd, max(0, heaviest-(gcd-1))
		}
	}
}

// added follows the adding of one server at the head of the list.
func (m *model) added() {
	m.buckets = m.table()
	switch m.name {
	case "rr":
		// Adding moves the pointer with the server it points to. A pointer that
		// has come round to the end of the list stands at its head again.
		if m.last == len(m.list)-2 {
			m.last = -1
		} else if m.last >= 0 {
			m.last++
		}
	case "wrr":
		m.last = -1
		gcd, first := m.rounds()
		if m.cw > first || m.cw == 0 {
			m.cw = first
		} else if gcd > 1 {
			m.cw = m.cw/gcd*gcd + 1
		}
	}
}

// TestSchedulers_AgreeWithASlowModel compares choices while servers are added
// and connections come and go.
func TestSchedulers_AgreeWithASlowModel(t *testing.T) {
	for _, name := range sched.Names() {
		t.Run(name, func(t *testing.T) {
			for run := range uint64(50) {
				compare(t, newService(t, name, 0), run, 2000)
			}
		})
	}
	for _, name := range []string{"sh", "mh"} {
		for _, flags := range []sched.Flags{sched.Fallback, sched.Port, sched.Fallback | sched.Port} {
			t.Run(fmt.Sprintf("%s %#x", name, flags), func(t *testing.T) {
				for run := range uint64(10) {
					compare(t, newService(t, name, flags), run, 2000)
				}
			})
		}
	}
}

func compare(t *testing.T, v *service, run uint64, operations int) {
	t.Helper()
	r := rand.New(rand.NewPCG(run, 99))
	m, now := newModel(v), int64(0)
	for op := range operations {
		switch r.IntN(30) {
		case 0:
			if len(v.list) < 10 {
				v.add(int32(r.IntN(1+r.IntN(30))) * int32(1+r.IntN(3)))
				m.added()
			}
			continue
		case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10:
			if len(v.list) > 0 {
				v.end(r.IntN(len(v.list)))
			}
			continue
		}
		f := randomFlow(r)
		if now += r.Int64N(3 * second); r.IntN(100) == 0 {
			now += r.Int64N(day)
		}
		want, wantOK := m.pick(f, now)
		got, ok := v.Pick(f, now, v.list, &v.pos)
		if ok != wantOK || ok && got != want {
			t.Fatalf("run %d operation %d: picked %d %v, want %d %v", run, op, got, ok, want, wantOK)
		}
		if ok {
			v.list[got].Load.Total.Add(1)
			v.list[got].Load.Active.Add(int64(r.IntN(2)))
		}
	}
}

func randomFlow(r *rand.Rand) *packet.Flow {
	return &packet.Flow{
		Src: packet.AddrFrom4(r.Uint32()), SrcPort: uint16(r.Uint32()),
		Dst: packet.AddrFrom4(0xc0000200 + uint32(r.IntN(20))), DstPort: 80, Proto: packet.ProtoTCP,
	}
}

// end lets a connection of the server with index i end, if it has one.
func (v *service) end(i int) {
	l := v.list[i].Load
	if l.Total.Load() > 0 {
		l.Total.Add(-1)
		l.Active.Store(min(l.Active.Load(), l.Total.Load()))
	}
}
