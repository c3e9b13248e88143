package paper

import (
	"fmt"
	"slices"
)

// matrix makes the setups of a run: its cap, its quota, its numbers of workers.
type matrix struct{ run *Run }

// serverCounts are the paper's.
var serverCounts = []int{1, 2, 4}

// direct is clients that ask a server themselves.
func (m matrix) direct() Setup { return Setup{Balancer: Direct, Servers: 1, Cap: m.run.Cap} }

// director is one with a method, workers and capped servers.
func (m matrix) director(method string, workers, servers int) Setup {
	return Setup{Balancer: Director, Method: method, Workers: workers, Servers: servers, Cap: m.run.Cap}
}

// giant is the same with workers that take turns.
func (m matrix) giant(method string, workers, servers int) Setup {
	s := m.director(method, workers, servers)
	s.GiantLock = true
	return s
}

// emulated is a setup whose workers are held to a share of a CPU each.
func (m matrix) emulated(s Setup) Setup {
	s.Quota = m.run.Quota
	return s
}

// uncapped is a setup whose servers answer all they can.
func uncapped(s Setup) Setup {
	s.Cap = 0
	return s
}

// workers are the numbers of workers with a CPU each: 1, 2, 4, ... and all.
func (m matrix) workers() (counts []int) {
	for n := 1; n < m.run.Workers; n *= 2 {
		counts = append(counts, n)
	}
	return append(counts, max(1, m.run.Workers))
}

// byServers are a setup's curves with 1, 2 and 4 servers, after Direct.
func (m matrix) byServers(name string, of func(servers int) Setup) []Curve {
	curves := []Curve{{m.direct(), "Direct"}}
	for _, n := range serverCounts {
		curves = append(curves, Curve{of(n), fmt.Sprintf("%s, %s", name, servers(n))})
	}
	return curves
}

func servers(n int) string {
	if n == 1 {
		return "1 server"
	}
	return fmt.Sprintf("%d servers", n)
}

func workers(n int) string {
	if n == 1 {
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", n)
}

// Select returns the figures with these names, all of them if there are none,
// and the names that no figure has.
func Select(all []Figure, names []string) (chosen []Figure, unknown []string) {
	if len(names) == 0 {
		return all, nil
	}
	for _, n := range names {
		if !slices.ContainsFunc(all, func(f Figure) bool { return f.ID == n }) {
			unknown = append(unknown, n)
		}
	}
	for _, f := range all {
		if slices.Contains(names, f.ID) {
			chosen = append(chosen, f)
		}
	}
	return chosen, unknown
}
