package top_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"director/control"
	"director/packet"
	"director/sched"
	"director/service"
	"director/view/figures"
	"director/view/top"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // the golden texts' time of day
	if gone := os.Getenv(showEnv); gone != "" {
		os.Exit(showForTest(gone))
	}
	os.Exit(m.Run())
}

// showEnv makes the test binary show a director. It names a file, and while that file
// exists the director does not answer.
const showEnv = "TOP_TEST_SHOW"

func showForTest(gone string) int {
	start := time.Now()
	err := top.Show(context.Background(), top.Options{
		Interval: 10 * time.Millisecond,
		Source: func(context.Context) (figures.Figures, []control.Service, error) {
			if _, err := os.Stat(gone); err == nil {
				return figures.Figures{}, nil, errors.New("connection refused")
			}
			f, all := director(2 * int(time.Since(start)/time.Millisecond)) // a fast one
			return f, all, nil
		},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// begin is the time of the first sample.
var begin = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// director returns a director that has been running for some seconds. It has two workers
// and two services. All rates are simple numbers.
func director(seconds int) (figures.Figures, []control.Service) {
	n := uint64(seconds)
	f := figures.Figures{
		At: begin.Add(time.Duration(seconds) * time.Second), Started: begin.Add(-26 * time.Hour),
		Counted: begin.Add(time.Duration(seconds/2*2) * time.Second), Version: "v1.2.3", PID: 4242,
		Table:    figures.Table{Size: 1048576, Used: 12345},
		Unserved: map[string]uint64{"eth1": 5 * n},
	}
	for i := range 2 {
		f.Workers = append(f.Workers, figures.Worker{
			Index: i, CPU: 2 + i, CPUSeconds: 100 + 0.25*float64(n)*float64(i+1),
			Rx: map[string]uint64{"eth0": 1000 * n, "eth1": 900 * n}, Tx: map[string]uint64{"eth0": 900 * n, "eth1": 990 * n},
			Host:  map[string]uint64{"no-service": 3 * n, "not-ipv4": 7},
			Drops: map[string]uint64{"bad-source": 10 * n, "table-full": 77},
			Conns: 50 * n, Expired: 40 * n,
			Batches: []uint64{10 * n, 0, 0, 20 * n, 0, 0, 20 * n},
		})
		f.Queues = append(f.Queues,
			figures.Queue{Interface: "eth0", Queue: i, Worker: i, IO: "AF_XDP", Attach: "native", Mode: "zero-copy", Rx: 1000 * n, Tx: 900 * n},
			figures.Queue{Interface: "eth1", Queue: i, Worker: i, IO: "AF_PACKET", Rx: 900 * n, Tx: 990 * n, TxFull: 12 * n, KernelDrops: 3},
		)
	}
	counts := func(conns uint64) control.Stats {
		n := n / 2 * 2 // the counters change every two seconds
		return control.Stats{Conns: conns * n, InPkts: 1500 * n, OutPkts: 1400 * n, InBytes: 60_000 * n, OutBytes: 2_000_000 * n}
	}
	web := control.Service{Spec: service.Spec{Key: key("192.0.2.10", 80, packet.ProtoTCP), Scheduler: "wlc"}, Stats: counts(100)}
	web.Servers = []control.Server{
		server("10.0.0.13:8080", service.NAT, 0, 1, 20, control.Stats{}),
		server("10.0.0.12:8080", service.NAT, 2, 7, 4, counts(60)),
		server("10.0.0.11:8080", service.NAT, 1, 200_000, 4, counts(40)),
	}
	web.Servers[2].Upper, web.Servers[2].Overloaded = 200_000, true
	dns := control.Service{Spec: service.Spec{Key: key("192.0.2.9", 53, packet.ProtoUDP), Scheduler: "rr"}}
	dns.Servers = []control.Server{server("255.255.255.255:65535", service.TUN, 0, 0, 0, control.Stats{})}
	marked := control.Service{Spec: service.Spec{Key: service.Key{Mark: 7}, Scheduler: "mh"}}
	return f, []control.Service{web, dns, marked}
}

func key(addr string, port uint16, proto uint8) service.Key {
	return service.Key{Addr: packet.MustAddr(addr), Port: port, Proto: proto}
}

func server(at string, method service.Method, weight int32, active, inactive uint32, s control.Stats) control.Server {
	var addr string
	var port uint16
	for i := range at {
		if at[i] == ':' {
			addr = at[:i]
			fmt.Sscan(at[i+1:], &port)
		}
	}
	return control.Server{
		ServerSpec: service.ServerSpec{Addr: packet.MustAddr(addr), Port: port, Method: method, Weight: weight},
		Active:     active, Inactive: inactive, Stats: s,
	}
}

// after returns a model that has got an answer of the director at each of the given seconds.
func after(seconds ...int) top.Model {
	m := top.NewModel(2 * time.Second)
	for _, s := range seconds {
		f, all := director(s)
		m.Answer(f, all, nil, f.At)
	}
	return m
}

// farm returns a director with one service of n servers. The number of a server is also its
// number of connections.
func farm(n int) (figures.Figures, []control.Service) {
	s := control.Service{Spec: service.Spec{Key: key("192.0.2.10", 80, packet.ProtoTCP), Scheduler: sched.Names()[0]}}
	for i := range n {
		s.Servers = append(s.Servers, server(fmt.Sprintf("10.0.%d.%d:80", i/250, i%250+1), service.DR, 1, uint32(i), 0, control.Stats{}))
	}
	return figures.Figures{At: begin, Started: begin}, []control.Service{s}
}
