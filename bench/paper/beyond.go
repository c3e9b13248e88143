package paper

import "slices"

// Peers are the balancers that are measured in the director's place, by the
// names under which package peer knows them, in the order of the table.
var Peers = []string{"haproxy", "nginx", "nft", "ipvs"}

// Schedulers are those whose effect is measured, all that pick a server by
// other means than the connection's service alone.
var Schedulers = []string{"rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "mh", "lblc", "lblcr", "fo", "ovf", "twos"}

// beyond are the measurements that the authors wished for, and ours.
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
	for _, method := range []string{NAT, DR, TUN} {
		ceiling.Curves = append(ceiling.Curves, Curve{uncapped(m.director(method, 1, 4)), name(method) + ", 1 worker, 4 servers"})
	}
	agree := Figure{
		ID: "agree", Kind: Rates, Title: "Our client against httperf",
		About: "The same setups, loaded by our own client and by httperf.",
		Grid:  []float64{0.5, 0.9, 1, 1.1},
	}
	for _, client := range []string{"", "httperf"} {
		label := client
		if client == "" {
			label = "ours"
		}
		with := func(s *Setup) { s.Client = client }
		agree.Curves = append(agree.Curves,
			Curve{vary(m.direct(), with), label + ": Direct"},
			Curve{vary(m.director(DR, 1, 1), with), label + ": DR, 1 server"})
	}
	return []Figure{ceiling, agree, m.workloads(dr), m.schedulers(dr), m.peers()}
}

// workloads is what other traffic than the paper's makes of it.
func (m matrix) workloads(dr Setup) Figure {
	f := Figure{
		ID: "workloads", Kind: Rates, Title: "Keep-alive, variable sizes and service times",
		About: "DR, 1 worker, 4 servers without a cap. With keep-alive a connection brings ten replies.",
		Grid:  []float64{0.1, 0.25, 0.5, 0.75},
	}
	for _, w := range []struct{ workload, label string }{
		{"", "the page"}, {KeepAlive, "keep-alive, ten pages"}, {Sizes, "variable sizes"}, {Service, "variable service times"},
	} {
		s := dr
		s.Workload = w.workload
		f.Curves = append(f.Curves, Curve{s, w.label})
	}
	return f
}

// schedulers is how evenly each spreads connections that take very different
// times.
func (m matrix) schedulers(dr Setup) Figure {
	f := Figure{
		ID: "schedulers", Kind: Times, Title: "Schedulers under variable sizes and service times",
		About: "DR, 1 worker, 4 servers without a cap, at a quarter of the bed's ceiling: the shares of the least and the most used server, and the response time that all but one in a hundred stay below.",
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

// peers is the table of all balancers in the same bed.
func (m matrix) peers() Figure {
	f := Figure{
		ID: "peers", Kind: Rates, Title: "Other balancers in the same bed",
		About: "Four servers without a cap. HAProxy and nginx end the client's connection and open one of their own, which the others do not.",
		Curves: []Curve{
			{uncapped(m.direct()), "Direct"},
			{Setup{Balancer: Forward, Servers: 1}, "kernel forwarding"},
		},
	}
	for _, method := range []string{NAT, DR, TUN} {
		f.Curves = append(f.Curves, Curve{uncapped(m.director(method, 1, 4)), "director " + name(method)})
	}
	for _, p := range Peers {
		f.Curves = append(f.Curves, Curve{Setup{Balancer: p, Servers: 4}, p})
	}
	return f
}

// SetupsOf returns the setups of figures, each once, in order.
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
