package page_test

import (
	"math"
	"sync"
	"time"

	"director/control"
	"director/packet"
	"director/sched"
	"director/service"
	"director/view/figures"
)

// source is a director that tests change.
type source struct {
	mu       sync.Mutex
	figures  figures.Figures
	services []control.Service
	changes  []control.Difference
	steps    int
	asked    int
}

func (s *source) Figures() figures.Figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	f := s.figures
	f.Workers = nil
	for _, w := range s.figures.Workers {
		w.Rx, w.Tx, w.Host, w.Drops = clone(w.Rx), clone(w.Tx), clone(w.Host), clone(w.Drops)
		w.Wrong = clone(w.Wrong)
		w.Batches = append([]uint64(nil), w.Batches...)
		f.Workers = append(f.Workers, w)
	}
	f.Queues = append([]figures.Queue(nil), s.figures.Queues...)
	f.Unserved = clone(s.figures.Unserved)
	return f
}

func clone(m map[string]uint64) map[string]uint64 {
	c := map[string]uint64{}
	for k, v := range m {
		c[k] = v
	}
	return c
}

func (s *source) EachService(f func(*control.Service) bool) {
	for _, each := range s.Services() {
		if !f(&each) {
			return
		}
	}
}

func (s *source) Services() []control.Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []control.Service
	for _, each := range s.services {
		each.Servers = append([]control.Server(nil), each.Servers...)
		all = append(all, each)
	}
	return all
}

func (s *source) Differences(most int) []control.Difference {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes[:min(most, len(s.changes))]
}

// change changes the director under the lock.
func (s *source) change(do func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do(s)
}

var began = time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)

// newSource returns a director with services of the given number of servers. The second
// service has a drained and a full server, and the third has no usable server.
func newSource(services, servers int) *source {
	s := &source{figures: figures.Figures{
		At: began.Add(75 * time.Hour), Started: began, Version: "v1.4.0", PID: 4711,
		Table:    figures.Table{Size: 1 << 20, Used: 181_204},
		Unserved: map[string]uint64{},
	}}
	for i := range 4 {
		s.figures.Workers = append(s.figures.Workers, figures.Worker{
			Index: i, CPU: i + 2, Batches: make([]uint64, 7),
			Rx: map[string]uint64{"eth0": 1e9, "eth1": 2e9}, Tx: map[string]uint64{"eth0": 2e9, "eth1": 1e9},
			Host:  map[string]uint64{"no-connection": 5, "not-ipv4": 12_345},
			Drops: map[string]uint64{"ttl": 3, "bad-source": 1_204_377, "no-connection": 88},
		})
		for _, name := range []string{"eth0", "eth1"} {
			s.figures.Queues = append(s.figures.Queues, figures.Queue{
				Interface: name, Queue: i, Worker: i, IO: "AF_XDP", Attach: "native", Mode: "zero-copy", Rx: 1e9, Tx: 1e9,
			})
		}
	}
	s.figures.Queues[3].RxRingFull, s.figures.Queues[3].TxFull = 1042, 17
	for i := range services {
		s.services = append(s.services, newService(i, servers))
	}
	s.step(5 * time.Second)
	return s
}

func newService(i, servers int) control.Service {
	kinds := [...]struct {
		proto     uint8
		port      uint16
		scheduler string
	}{{packet.ProtoTCP, 80, "wlc"}, {packet.ProtoTCP, 443, "mh"}, {packet.ProtoUDP, 53, "rr"}, {packet.ProtoTCP, 25, "sed"}}
	kind := kinds[i%len(kinds)]
	each := control.Service{Spec: service.Spec{
		Key:       service.Key{Addr: packet.AddrFrom4(0xc000020a + uint32(i/len(kinds))), Port: kind.port, Proto: kind.proto},
		Scheduler: kind.scheduler,
	}}
	if kind.scheduler == "mh" {
		each.Persistent, each.HostMask, each.Flags = 300, 0xff, sched.Fallback|sched.Port
	}
	for j := range servers {
		server := control.Server{ServerSpec: service.ServerSpec{
			Addr: packet.AddrFrom4(0x0a000000 + uint32(i)<<8 + uint32(11+j)), Port: kind.port,
			Method: service.Method(i % 3), Weight: 100,
		}}
		switch {
		case i == 1 && j == 1:
			server.Weight = 0
		case i == 1 && j == 2:
			server.Upper, server.Lower, server.Overloaded = 500, 400, true
		case i == 1:
			server.Upper = 5000
		case i == 2:
			server.Weight = 0
			server.Tunnel = packet.Tunnel{Encap: packet.GUE, Port: 6080}
		}
		each.Servers = append(each.Servers, server)
	}
	return each
}

// step advances the director by d. The rates of the servers differ and change over time.
func (s *source) step(d time.Duration) {
	s.steps++
	at := float64(s.steps)
	s.figures.At = s.figures.At.Add(d)
	for i := range s.services {
		each := &s.services[i]
		each.Rates = control.Rates{}
		for j := range each.Servers {
			server := &each.Servers[j]
			wave := 1 + 0.5*math.Sin(at/17+float64(i)) + 0.25*math.Sin(at/3.1+float64(7*j+i)) + 0.12*math.Sin(at*1.7+float64(j*j))
			base := wave * float64(40+97*i%310)
			if server.Weight == 0 {
				base = 0
			}
			server.Active, server.Inactive = uint32(base*7), uint32(base*31)
			if each.Persistent > 0 {
				server.Persistent = uint32(base * 3)
			}
			r := &server.Rates
			*r = control.Rates{CPS: uint64(base), InPPS: uint64(base * 61), OutPPS: uint64(base * 93), InBPS: uint64(base * 61 * 122), OutBPS: uint64(base * 93 * 1204)}
			if server.Method != service.NAT {
				r.OutPPS, r.OutBPS = 0, 0
			}
			t := &each.Rates
			t.CPS, t.InPPS, t.OutPPS, t.InBPS, t.OutBPS = t.CPS+r.CPS, t.InPPS+r.InPPS, t.OutPPS+r.OutPPS, t.InBPS+r.InBPS, t.OutBPS+r.OutBPS
		}
	}
	frames := func(perSecond float64) uint64 { return uint64(perSecond * d.Seconds()) }
	for i := range s.figures.Workers {
		w := &s.figures.Workers[i]
		wave := 1 + 0.4*math.Sin(at/13+float64(i)) + 0.2*math.Sin(at*1.3)
		w.CPUSeconds += 0.31 * wave * d.Seconds()
		w.Rx["eth0"] += frames(151_000 * wave)
		w.Rx["eth1"] += frames(149_000 * wave)
		w.Tx["eth0"] += frames(149_000 * wave)
		w.Tx["eth1"] += frames(151_000 * wave)
		w.Drops["bad-source"] += frames(12 * wave)
		w.Host["not-ipv4"] += frames(2)
		w.Conns += frames(900 * wave)
		w.Expired += frames(880 * wave)
		w.Batches[4] += frames(25_000)
	}
	for i := range s.figures.Queues {
		s.figures.Queues[i].Rx += frames(150_000)
		s.figures.Queues[i].Tx += frames(150_000)
	}
}
