package metrics_test

import (
	"sync/atomic"
	"time"

	"director/control"
	"director/packet"
	"director/service"
	"director/view/figures"
)

// source is a metrics.Source with constant numbers.
type source struct {
	figures  figures.Figures
	services []control.Service
	counted  control.Stats
	states   []figures.State
	process  figures.Process
}

func (s *source) Figures() figures.Figures                  { return s.figures }
func (s *source) EachService(f func(*control.Service) bool) { each(s.services, f) }
func (s *source) Counted() control.Stats                    { return s.counted }
func (s *source) States() []figures.State                   { return s.states }
func (s *source) Process() figures.Process                  { return s.process }

// each calls f as a director does.
func each(all []control.Service, f func(*control.Service) bool) {
	for i := range all {
		if !f(&all[i]) {
			return
		}
	}
}

// worker returns a worker whose counters are all greater than zero.
func worker(index int, scale uint64) figures.Worker {
	return figures.Worker{
		Index: index, CPU: 2 + index, CPUSeconds: 1.25 * float64(scale),
		Rx:      map[string]uint64{"eth0": 70 * scale, "eth1": 30 * scale},
		Tx:      map[string]uint64{"eth0": 29 * scale, "eth1": 68 * scale},
		Host:    map[string]uint64{"no-service": scale},
		Drops:   map[string]uint64{"no-server": scale, "ttl": 2 * scale},
		Handoff: 3 * scale, Conns: 4 * scale, Untracked: 5 * scale, Expired: 6 * scale, Doubted: 9 * scale,
		Completed: map[string]uint64{"eth0": 7 * scale}, Wrong: map[string]uint64{"eth1": 8 * scale},
		Batches: []uint64{scale, 0, 2 * scale, 0, 3 * scale, 0, scale},
	}
}

// sample is a director of two workers with an interface on AF_XDP and one on
// AF_PACKET, and a service of each kind.
func sample() *source {
	queue := func(name string, queue, worker int, n uint64) figures.Queue {
		return figures.Queue{
			Interface: name, Queue: queue, Worker: worker, Rx: n, Tx: n + 1,
			RxRingFull: n + 2, RxFillEmpty: n + 3, RxInvalid: n + 4, TxFull: n + 5, TxDown: n + 6, TxInvalid: n + 7,
			KernelDrops: n + 8, HostReturned: n + 9, HostFailed: n + 10, Syscalls: n + 11, SuperPackets: n + 12,
		}
	}
	xdp0, xdp1, tap := queue("eth0", 0, 0, 100), queue("eth0", 1, 1, 200), queue("eth1", 0, 0, 300)
	xdp0.IO, xdp0.Attach, xdp0.Mode = "AF_XDP", "native", "zero-copy"
	xdp1.IO, xdp1.Attach, xdp1.Mode = "AF_XDP", "native", "copy"
	tap.IO = "AF_PACKET"
	return &source{
		figures: figures.Figures{
			Started: time.UnixMilli(1700000000250), Version: "v1.2.3",
			Table:    figures.Table{Size: 1 << 20, Used: 12345},
			Changes:  3,
			Removed:  2,
			Reload:   figures.Reload{Applied: 3, Refused: 1, Failing: true, AppliedAt: time.UnixMilli(1700000100500)},
			Workers:  []figures.Worker{worker(0, 1), worker(1, 10)},
			Queues:   []figures.Queue{xdp0, xdp1, tap},
			Unserved: map[string]uint64{"eth0": 7},

			LinksDown: []string{"eth1"}, VIPsMissing: []string{"192.0.2.10"}, ShortOfMemory: []string{"eth1"}, JournalError: "no space left on device",
		},
		services: []control.Service{
			listed(service.Key{Addr: packet.MustAddr("192.0.2.10"), Port: 80, Proto: packet.ProtoTCP}, "wlc",
				server("10.0.0.12", 8080, service.NAT, 1), server("10.0.0.11", 8080, service.NAT, 2)),
			listed(service.Key{Addr: packet.MustAddr("192.0.2.10"), Port: 53, Proto: packet.ProtoUDP}, "rr",
				server("10.0.0.13", 53, service.DR, 3)),
			listed(service.Key{Addr: packet.MustAddr("192.0.2.11"), Port: 2905, Proto: packet.ProtoSCTP}, "sh",
				server("10.0.0.14", 2905, service.TUN, 4)),
			listed(service.Key{Mark: 0x1a2b}, "mh", server("10.0.0.15", 0, service.DR, 5)),
		},
		states: []figures.State{{Proto: "tcp", Name: "ESTABLISHED", Connections: 12000}, {Proto: "udp", Name: "UDP", Connections: 340}, {Proto: "template", Name: "NONE", Connections: 5}},
		process: figures.Process{
			Started: 1700000000.12, CPUSeconds: 12.5, Resident: 200 << 20, Virtual: 4 << 30, Threads: 9, Goroutines: 33, HeapLive: 60 << 20, OpenFiles: 44, MaxFiles: 1 << 20,
		},
		counted: control.Stats{Conns: 1001, InPkts: 1002, OutPkts: 1003, InBytes: 1004, OutBytes: 1 << 40},
	}
}

// listed returns a service whose counts are the sums over its servers.
func listed(k service.Key, scheduler string, servers ...control.Server) control.Service {
	s := control.Service{Spec: service.Spec{Key: k, Scheduler: scheduler}, Servers: servers}
	s.Health.Suspect = scheduler == "mh"
	for _, r := range servers {
		s.Counted.Conns += r.Counted.Conns
		s.Counted.InPkts += r.Counted.InPkts
		s.Counted.OutPkts += r.Counted.OutPkts
		s.Counted.InBytes += r.Counted.InBytes
		s.Counted.OutBytes += r.Counted.OutBytes
	}
	return s
}

// server counts something of everything, n being its weight. What is shown to
// ipvsadm is less: it was zeroed.
func server(addr string, port uint16, m service.Method, n int32) control.Server {
	u, w := uint64(n), uint32(n)
	return control.Server{
		ServerSpec: service.ServerSpec{Addr: packet.MustAddr(addr), Port: port, Method: m, Weight: n, Upper: 100 * w, Lower: 50 * w},
		Active:     10 * w, Inactive: 20 * w, Persistent: 30 * w,
		Stats:   control.Stats{Conns: 1},
		Counted: control.Stats{Conns: 100 * u, InPkts: 200 * u, OutPkts: 300 * u, InBytes: 400 * u, OutBytes: 500 * u},
		Skipped: m == service.TUN, Overloaded: n == 3,
		Signs:  service.Signs{Opened: 60 * u, Completed: 50 * u, Refused: 3 * u, Errors: 2 * u},
		Health: service.Health{Suspect: n == 2},
		Way:    map[service.Method]packet.Reason{service.NAT: packet.None, service.DR: packet.LocalServer, service.TUN: packet.Neighbor}[m],
	}
}

// moving is a source whose numbers change while it is read, as those of a director.
type moving struct{ n atomic.Uint64 }

func (m *moving) Figures() figures.Figures {
	f := sample().figures
	f.Workers[0] = worker(0, m.n.Load())
	return f
}
func (m *moving) EachService(f func(*control.Service) bool) { each(sample().services, f) }
func (m *moving) Counted() control.Stats                    { return control.Stats{Conns: m.n.Load()} }
func (m *moving) States() []figures.State                   { return sample().states }
func (m *moving) Process() figures.Process                  { return sample().process }
