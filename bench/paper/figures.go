package paper

import "fmt"

// Figures returns all figures of a run. The paper's are first, in its order.
func Figures(run *Run) []Figure {
	m := matrix{run}
	all := append([]Figure{m.fig3()}, m.curves()...)
	all = append(all, m.emulation(), m.fig15())
	all = append(all, m.cpus()...)
	all = append(all, m.fig19(), m.fig20())
	return append(all, m.beyond()...)
}

// methods are the forwarding methods in the paper's order.
var methods = []string{NAT, DR, TUN}

func (m matrix) fig3() Figure {
	f := Figure{
		ID: "fig3", Kind: Sweep, Title: "Throughput against message size",
		About: "Like netpipe, a client sends a message over one connection and the server returns it, repeatedly. The time of a message is half of a round trip.",
		Curves: []Curve{
			{uncapped(m.direct()), "Direct"},
			{Setup{Balancer: Forward, Servers: 1}, "kernel forwarding"},
		},
	}
	for _, method := range methods {
		f.Curves = append(f.Curves, Curve{uncapped(m.director(method, 1, 1)), name(method)})
	}
	return f
}

// name returns the usual spelling of a method.
func name(method string) string {
	return map[string]string{NAT: "NAT", DR: "DR", TUN: "TUN"}[method]
}

// curves returns figures 6 to 14.
func (m matrix) curves() []Figure {
	of := func(method string, workers int, giant bool) func(int) Setup {
		return func(servers int) Setup {
			if giant {
				return m.giant(method, workers, servers)
			}
			return m.director(method, workers, servers)
		}
	}
	last := m.workers()[len(m.workers())-1]
	two := min(2, last)
	figures := []Figure{
		{
			ID: "fig6", Title: "NAT, 1 worker",
			About:  "The paper's director saturated with one server, so more servers did not help.",
			Curves: m.byServers("NAT", of(NAT, 1, false)),
			Published: []Published{
				{"paper: Direct", 4000, 1}, {"paper: NAT, 1 to 4 servers", 4270, 0},
			},
		},
		{
			ID: "fig7", Title: "DR, 1 worker, giant lock (the paper's kernel 2.2)",
			Curves: m.byServers("DR", of(DR, 1, true)),
			Published: []Published{
				{"paper: Direct and DR, 1 server", 4000, 1}, {"paper: DR, 2 servers", 6700, 2}, {"paper: DR, 4 servers", 7200, 4},
			},
		},
		{
			ID: "fig8", Title: "Giant lock: all workers against one, 4 servers (the paper's kernel 2.2, SMP)",
			About: "The paper gained little from four CPUs, because one lock covered the network stack.",
			Curves: []Curve{
				{m.giant(DR, 1, 4), "DR, giant lock, 1 worker"},
				{m.giant(DR, last, 4), "DR, giant lock, " + workers(last)},
				{m.director(DR, last, 4), "DR, " + workers(last)},
			},
			Published: []Published{{"paper: 2.2 DR, 4 CPUs", 8072, 4}},
		},
		{
			ID: "fig9", Title: "Giant lock: DR against NAT",
			Curves: []Curve{
				{m.giant(NAT, 1, 4), "NAT, giant lock, 1 worker"},
				{m.giant(DR, 1, 4), "DR, giant lock, 1 worker"},
				{m.giant(NAT, last, 4), "NAT, giant lock, " + workers(last)},
				{m.giant(DR, last, 4), "DR, giant lock, " + workers(last)},
			},
			Published: []Published{{"paper: 2.2 NAT, 1 CPU", 4270, 0}, {"paper: 2.2 DR, 4 CPUs", 8072, 4}},
		},
		{
			ID: "fig10", Title: "DR, 1 worker",
			Curves: m.byServers("DR", of(DR, 1, false)),
		},
		{
			ID: "fig11", Title: "DR, 1 worker, with and without the giant lock",
			Curves: []Curve{
				{m.director(DR, 1, 4), "DR, 1 worker"}, {m.giant(DR, 1, 4), "DR, 1 worker, giant lock"},
			},
		},
		{
			ID: "fig12", Title: "DR, " + workers(two),
			Curves: m.byServers("DR", of(DR, two, false)),
			Published: []Published{
				{"paper: 1 server", 4000, 1}, {"paper: 2 servers", 7700, 2}, {"paper: 4 servers", 10000, 4},
			},
		},
		{
			ID: "fig13", Title: "DR, " + workers(last) + ": all CPUs",
			Curves:    m.byServers("DR", of(DR, last, false)),
			Published: []Published{{"paper: 4 CPUs, 4 servers", 13000, 4}},
		},
		{
			ID: "fig14", Title: "DR, 4 servers, by workers",
			Published: []Published{
				{"paper: 1 CPU", 7200, 4}, {"paper: 2 CPUs", 10000, 4}, {"paper: 4 CPUs", 13000, 4},
			},
		},
		{
			ID: "nat-smp", Title: "NAT by workers: what the authors could not measure",
			Curves: m.byServers("NAT, "+workers(two), of(NAT, two, false)),
		},
		{
			ID: "tun", Title: "TUN",
			Curves: m.byServers("TUN, 1 worker", of(TUN, 1, false)),
		},
	}
	for i := range figures {
		f := &figures[i]
		f.Kind = Rates
		if f.ID == "fig14" {
			for _, n := range m.workers() {
				f.Curves = append(f.Curves, Curve{m.director(DR, n, 4), "DR, " + workers(n)})
			}
		}
	}
	return figures
}

// emulation shows the paper's figures 8 and 12 to 14 with workers that are limited
// to a share of a CPU.
func (m matrix) emulation() Figure {
	f := Figure{
		ID: "emulated", Kind: Emulation, Title: "Emulated: DR by workers, each limited to a share of a CPU",
		About: "Client, director and servers share this machine's CPUs. Here each worker may use only a share of one (CFS bandwidth), " +
			"so that the effect of more workers shows. The share was chosen so that one worker answered about half of the rate of three servers; " +
			"the rate in the run is in the curves. The share does not cover softirqs.",
		Published: []Published{{"paper: 1 CPU", 7200, 4}, {"paper: 2 CPUs", 10000, 4}, {"paper: 4 CPUs", 13000, 4}},
	}
	for _, n := range []int{1, 2, 4} {
		f.Curves = append(f.Curves, Curve{m.emulated(m.director(DR, n, 4)), fmt.Sprintf("emulated: DR, %s", workers(n))})
	}
	for _, n := range []int{1, 2} {
		f.Curves = append(f.Curves, Curve{m.emulated(m.director(DR, n, 2)), fmt.Sprintf("emulated: DR, %s, 2 servers", workers(n))})
	}
	f.Curves = append(f.Curves, Curve{m.emulated(m.giant(DR, 4, 4)), "emulated: DR, giant lock, 4 workers"})
	return f
}

// fig15 shows network I/O at the highest sustained rate.
func (m matrix) fig15() Figure {
	last := m.workers()[len(m.workers())-1]
	return Figure{
		ID: "fig15", Kind: Highest, Title: "Network I/O at the highest sustained rate",
		Curves: []Curve{
			{m.direct(), "Direct"},
			{m.giant(NAT, 1, 4), "NAT, giant lock, 1 worker, 4 servers"},
			{m.giant(DR, last, 4), "DR, giant lock, " + workers(last) + ", 4 servers"},
			{m.director(DR, last, 4), "DR, " + workers(last) + ", 4 servers"},
		},
	}
}

// cpus returns figures 16 to 18.
func (m matrix) cpus() (figures []Figure) {
	counts := m.workers()
	for i, n := range []int{1, 2, 4} {
		n = min(n, counts[len(counts)-1])
		f := Figure{
			ID: fmt.Sprintf("fig%d", 16+i), Kind: CPUs, Title: "CPU of the director and of each server: DR, " + workers(n),
			About: "At the highest sustained rate. Softirq time that interrupts a process counts as its system time, even if the packet is for another process.",
		}
		for _, s := range serverCounts {
			f.Curves = append(f.Curves, Curve{m.director(DR, n, s), servers(s)})
		}
		figures = append(figures, f)
	}
	return figures
}

func (m matrix) fig19() Figure {
	f := Figure{
		ID: "fig19", Kind: Rates, Title: "Receiving on the worker's CPU, and on another",
		About: "A veth pair has no interrupt line: receiving is softirq work of the CPU that sends. So the clients are pinned, " +
			"to the worker's CPU or to another.",
	}
	for _, s := range []int{2, 4} {
		for _, p := range []string{Shared, Apart} {
			setup := uncapped(m.director(DR, 1, s))
			setup.Placement = p
			f.Curves = append(f.Curves, Curve{setup, fmt.Sprintf("%s, %s", servers(s), p)})
		}
	}
	return f
}

func (m matrix) fig20() Figure {
	return Figure{
		ID: "fig20", Kind: Highest, Title: "The highest rate at 0.01 % errors", Share: 0.0001,
		Curves: []Curve{
			{m.director(NAT, 1, 4), "NAT, 1 worker, 4 servers"},
			{uncapped(m.director(NAT, 1, 4)), "NAT, 1 worker, 4 servers, not capped"},
		},
	}
}
