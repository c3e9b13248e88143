package paper

import (
	"fmt"
	"path"
	"slices"
)

// Peers are the balancers that are measured in place of the director, in the order
// of the table. The names are those of package peer.
var Peers = []string{"haproxy", "nginx", "nft", "ipvs"}

// Schedulers are the schedulers whose effect is measured: all except none, which
// chooses no server.
var Schedulers = []string{"rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "mh", "lblc", "lblcr", "fo", "ovf", "twos"}

// beyond returns the figures beyond the paper's: those that its authors wished for,
// and new ones.
func (m matrix) beyond() []Figure {
	dr := uncapped(m.director(DR, 1, 4))
	vary := func(s Setup, change func(*Setup)) Setup {
		change(&s)
		return s
	}
	ceiling := Figure{
		ID: "uncapped", Kind: Rates, Title: "Servers without a cap: where the machine itself saturates",
		Curves: []Curve{{uncapped(m.direct()), "Direct"}, {Setup{Balancer: Forward, Servers: 1}, "kernel forwarding"}},
	}
	for _, method := range methods {
		ceiling.Curves = append(ceiling.Curves, Curve{uncapped(m.director(method, 1, 4)), name(method) + ", 1 worker, 4 servers"})
	}
	software := Figure{
		ID: "software", Kind: Rates, Title: "Apache and nginx as servers",
		About: "Servers without a cap. The paper's servers ran Apache 1.3.",
		Grid:  []float64{0.1, 0.25, 0.5, 0.75, 1},
	}
	for _, server := range []string{Apache, Nginx} {
		with := func(s *Setup) { s.Server = server }
		software.Curves = append(software.Curves,
			Curve{vary(uncapped(m.direct()), with), server + ": Direct"},
			Curve{vary(dr, with), server + ": DR, 4 servers"})
	}
	return []Figure{ceiling, software, m.agree(), m.wrk(), m.workloads(dr), m.schedulers(dr), m.testlvs(), m.peers()}
}

// agree compares the built-in client with httperf.
func (m matrix) agree() Figure {
	f := Figure{
		ID: "agree", Kind: Rates, Title: "Our client against httperf",
		About: "The same setups, loaded by our own client and by httperf.",
		Grid:  []float64{0.5, 0.9, 1, 1.1},
	}
	for _, client := range []string{"", "httperf"} {
		label := client
		if client == "" {
			label = "ours"
		}
		for _, c := range []Curve{{m.direct(), "Direct"}, {m.director(DR, 1, 1), "DR, 1 server"}} {
			c.Setup.Client = client
			f.Curves = append(f.Curves, Curve{c.Setup, label + ": " + c.Label})
		}
	}
	return f
}

// wrk shows the rate that a closed-loop client reaches with the same servers.
func (m matrix) wrk() Figure {
	f := Figure{
		ID: "wrk", Kind: Highest, Title: "wrk: the rate of a closed loop", Closed: true,
		About: "wrk has no constant rate: it keeps 64 connections busy and replaces each as soon as it has been answered. Servers without a cap.",
		Grid:  []float64{1},
	}
	for _, c := range []Curve{
		{m.direct(), "Direct"}, {m.director(NAT, 1, 4), "NAT, 1 worker"}, {m.director(DR, 1, 4), "DR, 1 worker"}, {m.director(TUN, 1, 4), "TUN, 1 worker"},
	} {
		c.Setup = uncapped(c.Setup)
		c.Setup.Client = "wrk"
		f.Curves = append(f.Curves, c)
	}
	return f
}

// workloads shows other traffic than the paper's.
func (m matrix) workloads(dr Setup) Figure {
	f := Figure{
		ID: "workloads", Kind: Rates, Title: "Keep-alive, TLS, variable sizes and service times",
		About: "DR, 1 worker, 4 servers without a cap. With keep-alive a connection has ten replies. With TLS each connection begins with a full handshake with the server.",
		Grid:  []float64{0.02, 0.05, 0.1, 0.25, 0.5, 0.75}, // TLS uses only the first ones
	}
	for _, w := range []struct{ workload, label string }{
		{"", "the page"}, {KeepAlive, "keep-alive, ten pages"}, {TLS, "TLS"}, {Sizes, "variable sizes"}, {Service, "variable service times"},
	} {
		s := dr
		s.Workload = w.workload
		f.Curves = append(f.Curves, Curve{s, w.label})
	}
	return f
}

// schedulers shows how evenly each scheduler distributes connections of very
// different durations.
func (m matrix) schedulers(dr Setup) Figure {
	f := Figure{
		ID: "schedulers", Kind: Times, Title: "Schedulers under variable sizes and service times",
		About: "DR, 1 worker, 4 servers without a cap, at a quarter of the bed's ceiling: the shares of the least and the most used server, and the 99th percentile of the response time.",
		Grid:  []float64{0.25},
	}
	for _, workload := range []string{Sizes, Service} {
		for _, scheduler := range Schedulers {
			s := dr
			s.Workload, s.Scheduler = workload, scheduler
			f.Curves = append(f.Curves, Curve{s, scheduler + ", " + workload})
		}
	}
	return f
}

// floods are the rates of testlvs, in SYNs per second.
var floods = []int{0, 5000, 20_000, 80_000}

// testlvs shows the effect of a SYN flood on the connections of real clients.
func (m matrix) testlvs() Figure {
	f := Figure{
		ID: "testlvs", Kind: Floods, Title: "testlvs: SYNs from addresses that no host has",
		About: "The authors did not use testlvs because it yields no metric. Here it has two: the connections that the director accepts, and " +
			"the failed requests of real clients, on connections of ten pages that last a second.",
		Grid: []float64{0.02},
	}
	for _, method := range []string{NAT, DR} {
		for _, flood := range floods {
			s := uncapped(m.director(method, 1, 4))
			s.Workload, s.Flood = Lasting, flood
			f.Curves = append(f.Curves, Curve{s, name(method) + ", " + perSecond(flood)})
		}
	}
	return f
}

func perSecond(syns int) string {
	if syns == 0 {
		return "no flood"
	}
	return fmt.Sprintf("%d,%03d SYNs/s", syns/1000, syns%1000)
}

// peers compares all balancers in the same bed.
func (m matrix) peers() Figure {
	f := Figure{
		ID: "peers", Kind: Rates, Title: "Other balancers in the same bed",
		About: "Four servers without a cap. HAProxy and nginx terminate the client's connection and open their own to the server. The others do not.",
		Grid:  append([]float64{0.125, 0.375}, ofCeiling...), // half of the rates of the slower ones
		Curves: []Curve{
			{uncapped(m.direct()), "Direct"},
			{Setup{Balancer: Forward, Servers: 1}, "kernel forwarding"},
		},
	}
	for _, method := range methods {
		f.Curves = append(f.Curves, Curve{uncapped(m.director(method, 1, 4)), "director " + name(method)})
	}
	for _, p := range append(slices.Clone(Peers), m.run.Options.balancers()...) {
		f.Curves = append(f.Curves, Curve{Setup{Balancer: p, Servers: 4}, path.Base(p)})
	}
	return f
}

// SetupsOf returns the setups of the figures, each once, in order.
func SetupsOf(figures []Figure) (setups []Setup) {
	for _, f := range figures {
		for _, c := range f.Curves {
			if !slices.Contains(setups, c.Setup) {
				setups = append(setups, c.Setup)
			}
		}
	}
	return setups
}
