package paper

import (
	"fmt"
	"slices"
)

// matrix makes the setups of a run from its cap, its quota and its numbers of
// workers.
type matrix struct{ run *Run }

// serverCounts are the paper's numbers of servers.
var serverCounts = []int{1, 2, 4}

// direct returns the setup of clients that connect to a server directly.
func (m matrix) direct() Setup { return Setup{Balancer: Direct, Servers: 1, Cap: m.run.Cap} }

// director returns the setup of a director with a method, workers and capped
// servers.
func (m matrix) director(method string, workers, servers int) Setup {
	return Setup{Balancer: Director, Method: method, Workers: workers, Servers: servers, Cap: m.run.Cap}
}

// giant returns the same setup with the giant lock.
func (m matrix) giant(method string, workers, servers int) Setup {
	s := m.director(method, workers, servers)
	s.GiantLock = true
	return s
}

// emulated returns a setup whose workers are each limited to a share of a CPU.
func (m matrix) emulated(s Setup) Setup {
	s.Quota = m.run.Quota
	return s
}

// uncapped returns a setup whose servers have no cap.
func uncapped(s Setup) Setup {
	s.Cap = 0
	return s
}

// workers returns the numbers of workers that can each have a CPU: 1, 2, 4, ... and
// the maximum.
func (m matrix) workers() (counts []int) {
	for n := 1; n < m.run.Workers; n *= 2 {
		counts = append(counts, n)
	}
	return append(counts, max(1, m.run.Workers))
}

// byServers returns the curve of Direct and a setup's curves with 1, 2 and 4
// servers.
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

// Select returns the figures with these names, or all if there are none. It also
// returns the names that no figure has.
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
