package sched_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"director/packet"
	"director/sched"
)

// A copy picks as the original does from then on, and what it does changes nothing
// of the original.
func TestCopy_PicksLikeTheOriginalAndLeavesItAlone(t *testing.T) {
	for _, name := range sched.Names() {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(7, 7))
			s, err := sched.New(name, sched.Options{Seed: 1, Flags: sched.Fallback})
			if err != nil {
				t.Fatal(err)
			}
			var pos sched.Position
			s.Bind(nil, &pos)
			var servers sched.Servers
			for i := range 5 {
				one := sched.Server{Addr: packet.AddrFrom4(uint32(i + 1)), Port: 80, Weight: int32(i), LastWeight: int32(i), Load: new(sched.Load)}
				servers = append(sched.Servers{one}, servers...)
				s.Added(servers, &pos)
			}
			pick := func(s sched.Scheduler, servers sched.Servers, pos *sched.Position, flow *packet.Flow, now int64) int {
				i, ok := s.Pick(flow, now, servers, pos)
				if !ok {
					return -1
				}
				servers[i].Load.Active.Add(1)
				servers[i].Load.Total.Add(1)
				return i
			}
			flow := func(i int) *packet.Flow {
				return &packet.Flow{Src: packet.AddrFrom4(uint32(i * 7919)), Dst: packet.AddrFrom4(uint32(100 + i%9)), SrcPort: uint16(i), DstPort: 80, Proto: packet.ProtoTCP}
			}
			for i := range 300 {
				pick(s, servers, &pos, flow(random.IntN(1000)), int64(i))
				twins, copied := sched.Twins{}, pos
				list := append(sched.Servers(nil), servers...)
				for j := range list {
					list[j].Load = twins.Of(servers[j].Load)
				}
				// Two copies answer alike although one of them came after the
				// other had its way: it left nothing behind.
				var answers [2]string
				for n := range answers {
					twins, copied = sched.Twins{}, pos
					for j := range list {
						list[j].Load = twins.Of(servers[j].Load)
					}
					c := sched.Copy(s, twins, &copied)
					for k := range 5 {
						answers[n] += fmt.Sprint(pick(c, list, &copied, flow(i+k), int64(i+k)), " ")
					}
				}
				if answers[0] != answers[1] {
					t.Fatalf("pick %d: one copy answers %s, the next %s", i, answers[0], answers[1])
				}
				if want := fmt.Sprint(pick(s, servers, &pos, flow(i), int64(i)), " "); answers[0][:len(want)] != want {
					t.Fatalf("pick %d: the copy answers %s, the original %s", i, answers[0], want)
				}
			}
		})
	}
}

func TestScore_IsLeastForWhoIsPicked(t *testing.T) {
	for _, name := range []string{"lc", "wlc", "sed"} {
		s, err := sched.New(name, sched.Options{})
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(1, 1))
		for range 200 {
			var servers sched.Servers
			for range 4 {
				one := sched.Server{Weight: int32(1 + random.IntN(5)), Load: new(sched.Load)}
				one.Load.Active.Store(int64(random.IntN(20)))
				one.Load.Total.Store(one.Load.Active.Load() + int64(random.IntN(20)))
				servers = append(servers, one)
			}
			var pos sched.Position
			at, _ := s.Pick(new(packet.Flow), 0, servers, &pos)
			chosen, ok := sched.Score(s, &servers[at])
			for i := range servers {
				if other, _ := sched.Score(s, &servers[i]); !ok || other < chosen {
					t.Fatalf("%s: server %d has %v, the chosen one %v", name, i, other, chosen)
				}
			}
		}
	}
}

func TestRule_IsThereForEveryScheduler(t *testing.T) {
	for _, name := range sched.Names() {
		if sched.Rule(name) == "" {
			t.Errorf("%s has none", name)
		}
	}
	if got := sched.Rule("no-such"); got != "" {
		t.Errorf("there is one for a scheduler that is not known: %q", got)
	}
}
