package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"director/bench/paper"
)

// describe returns a description of a setup, without its number of servers.
func describe(s paper.Setup) string {
	words := []string{s.Balancer}
	if s.Method != "" {
		words = []string{strings.ToUpper(s.Method)}
	}
	if s.Workers == 1 {
		words = append(words, "1 worker")
	} else if s.Workers > 1 {
		words = append(words, fmt.Sprintf("%d workers", s.Workers))
	}
	add := func(use bool, word string) {
		if use {
			words = append(words, word)
		}
	}
	add(s.GiantLock, "giant lock")
	add(s.Emulated(), "emulated")
	add(s.Cap == 0, "no cap")
	for _, w := range []string{s.IO, s.Server, s.Client, s.Workload, s.Scheduler, s.Placement} {
		add(w != "", w)
	}
	add(s.Flood > 0, grouped(float64(s.Flood))+" SYNs/s")
	return strings.Join(words, ", ")
}

// matrix makes the paper's figure 5 for this run: the setups that were measured.
func matrix(d *paper.Data) table {
	counts := []int{1, 2, 4}
	t := table{Head: []string{"", "1 server", "2 servers", "4 servers"}}
	rows := make(map[string]int)
	for _, s := range paper.SetupsOf(paper.Figures(&d.Run)) {
		name := describe(s)
		i, ok := rows[name]
		if !ok {
			i = len(t.Rows)
			rows[name] = i
			t.Rows = append(t.Rows, []string{name, "", "", ""})
		}
		column := slices.Index(counts, s.Servers)
		if column < 0 {
			continue
		}
		cell := reasonOf(&d.Run, s)
		n := 0
		for _, step := range d.Steps(s) {
			n += step.N
		}
		for _, dot := range d.Dots(s) {
			n += dot.N
		}
		if n > 0 {
			cell = fmt.Sprintf("✓ %d", n)
		}
		t.Rows[i][1+column] = cell
	}
	return t
}

// features is the paper's figure 1.
var features = table{
	Head: []string{"", "NAT", "DR", "TUN"},
	Rows: [][]string{
		{"how a packet is forwarded", "addresses and ports rewritten", "Ethernet addresses rewritten", "wrapped in another IP packet"},
		{"servers' answers", "through the director", "directly to the client", "directly to the client"},
		{"servers must", "have the director as gateway", "have the virtual address, without answering ARP for it", "also have it, and decapsulate"},
		{"servers' network", "behind the director; private addresses are sufficient", "the director's own segment", "any that the director has a route to"},
		{"ports", "may differ", "the same", "the same"},
		{"costs", "both directions pass the director", "nothing in addition", "20 bytes more in each packet to the servers"},
	},
}

// bed makes the paper's figure 2 for this run: the machine and the options.
func bed(run *paper.Run) table {
	m, o := &run.Machine, &run.Options
	t := table{}
	add := func(name, value string) {
		if value != "" {
			t.Rows = append(t.Rows, []string{name, value})
		}
	}
	add("CPU", m.Model)
	if m.NumCPU > 0 {
		add("CPUs", fmt.Sprintf("%d, shared by clients, director and servers; used: %s", m.NumCPU, cmp.Or(o.CPUs, "all")))
	}
	add("caches", strings.Join(m.Caches, ", "))
	if m.Memory > 0 {
		add("memory", fmt.Sprintf("%.1f GiB", float64(m.Memory)/(1<<30)))
	}
	add("machine", m.Product)
	add("virtual", m.Virtual)
	add("kernel", strings.TrimSpace(m.OS+" "+m.Kernel+" "+m.Arch))
	add("frequency governor", m.Governor)
	add("huge pages", m.HugePages)
	add("load before", m.Load)
	add("a point", fmt.Sprintf("%s, after %s of the same rate", short(o.Duration), short(o.Warmup)))
	add("repetitions", fmt.Sprint(o.Repetitions))
	if run.Cap > 0 {
		add("cap of a server", grouped(float64(run.Cap))+" connections/s")
	}
	if run.Quota > 0 {
		add("an emulated worker", number(run.Quota)+" of a CPU")
	}
	return t
}

// versions makes the paper's figure 4 for this run: the software.
func versions(run *paper.Run) table {
	recorded := func(v string) string { return cmp.Or(v, "not recorded") }
	t := table{Rows: [][]string{
		{"director, its clients and its servers", recorded(run.Commit)}, {"built with", recorded(run.Go)}, {"kernel", recorded(run.Machine.Kernel)},
	}}
	for _, name := range slices.Sorted(maps.Keys(run.Versions)) {
		t.Rows = append(t.Rows, []string{name, run.Versions[name]})
	}
	return t
}

// price makes the table of prices per request per second, if the run has the price
// of its machine.
func price(d *paper.Data) table {
	t := table{
		Head: []string{"", "requests/s", "price, $", "$ for a request/s"},
		Rows: [][]string{{"the paper: LVS, NAT", "3,640", "7,500", "2.06"}, {"the paper: ArrowPoint CS-150", "4,400", "18,000", "4.09"}},
		Note: "This run: the highest sustained rate at 0.01 % errors, with servers without a cap. The price is that of the one machine, on which clients and servers run, too.",
	}
	if d.Run.Price <= 0 {
		t.Note = "The price of the machine is unknown: director bench paper --report-only --price=… adds it."
		return t
	}
	for _, c := range peersFigure(&d.Run).Curves {
		best, ok := paper.Sustained(d.Dots(c.Setup), 0.0001)
		if !ok || c.Setup.Balancer != paper.Director {
			continue
		}
		t.Rows = append(t.Rows, []string{c.Label, grouped(best.Rate.Median), grouped(d.Run.Price), fixed(d.Run.Price/best.Rate.Median, 2)})
	}
	return t
}
