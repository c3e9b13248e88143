package report_test

import (
	"math/rand/v2"
	"time"

	"director/bench/figure"
	"director/bench/machine"
	"director/bench/paper"
)

// wholeRun returns the description of a complete run.
func wholeRun() paper.Run {
	return paper.Run{
		Options: paper.Options{Repetitions: 3, Duration: 2 * time.Second, Warmup: 500 * time.Millisecond, CPUs: "0-3"},
		Begun:   time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Took: time.Hour, Sittings: 1, Complete: true,
		Commit: "0123456789abcdef0123456789abcdef01234567", Go: "go1.26", Workers: 4, Cap: 1600, Ceiling: 10500, Quota: 0.08,
		Machine:  machine.Facts{OS: "linux", Arch: "amd64", Model: "Test CPU", NumCPU: 4, Memory: 16 << 30, Kernel: "6.18"},
		Versions: map[string]string{"haproxy": "HAProxy 9 <test>"}, Price: 1000,
		Scaling: []paper.Scaling{{Kind: "hit", Workers: 1, Mpps: figure.Spread{Min: 19, Median: 20, Max: 21}}, {Kind: "hit", Workers: 2, Mpps: figure.Spread{Min: 37, Median: 38, Max: 39}}},
		Skipped: map[string]string{"ipvs/rs4": "ipvs/rs4: cannot take part: the kernel has no <IPVS>"},
	}
}

// dataOf returns plausible data of a run: every setup that was not skipped, at
// every rate that a figure needs, three times. The same seed gives the same data.
func dataOf(run paper.Run) *paper.Data {
	random := rand.New(rand.NewPCG(1, 2))
	d := &paper.Data{Run: run, Usage: make(map[string][]paper.Usage)}
	seen := make(map[string]bool)
	for _, f := range paper.Figures(&run) {
		for _, c := range f.Curves {
			if _, skipped := run.Skipped[c.Setup.Key()]; skipped {
				continue
			}
			if f.Kind == paper.Sweep {
				d.Transfers = append(d.Transfers, transfersOf(&run, c.Setup, random)...)
			}
			for _, rate := range f.Rates(c.Setup, &run) {
				for r := range run.Options.Repetitions {
					p := pointOf(&run, c.Setup, rate, r+1, random)
					if key := p.Key(); !seen[key] {
						seen[key] = true
						d.Points = append(d.Points, p)
						d.Usage[key] = usageOf(c.Setup, p.ReplyRate)
					}
				}
			}
		}
	}
	return d
}

// limitOf returns the highest rate of a setup.
func limitOf(run *paper.Run, s paper.Setup) float64 {
	limit := run.Ceiling
	if s.Cap > 0 {
		limit = min(limit, float64(s.Capacity()))
	}
	switch {
	case s.Emulated():
		limit = min(limit, 1.5*float64(run.Cap*max(1, s.Workers)))
	case s.Method == paper.NAT:
		limit *= 0.93
	case s.GiantLock:
		limit = min(limit, 3.2*float64(run.Cap))
	}
	return limit
}

func pointOf(run *paper.Run, s paper.Setup, rate float64, repetition int, random *rand.Rand) paper.Point {
	limit := limitOf(run, s) * (0.98 + 0.04*random.Float64())
	answered := min(rate, limit)
	late := 900.0
	if rate > 1.1*run.Ceiling {
		late = 90_000
	}
	load := answered / limit
	return paper.Point{
		Setup: s, Offered: rate, Repetition: repetition, Seconds: 2,
		Started: int(2 * rate), Replies: int(2 * answered), ReplyRate: answered, Timeouts: int(2 * (rate - answered)), Late: late,
		P50: 250 + 400*load, P99: 900 + 30_000*load*load*random.Float64(),
		Bits: answered * 11_000, Packets: answered * 20,
		Busy: answered * costOf(s) * (0.98 + 0.04*random.Float64()), Softirq: answered * 40e-6,
		SYNs: 0.99 * float64(s.Flood), Held: 0.98 * float64(s.Flood),
		LeastShare: 1/float64(s.Servers) - 0.05*random.Float64(), MostShare: min(1, 1/float64(s.Servers)+0.05*random.Float64()),
	}
}

// transfersOf returns a sweep: the cost of a message is a constant plus a cost per
// byte.
func transfersOf(run *paper.Run, s paper.Setup, random *rand.Rand) (all []paper.Transfer) {
	for _, size := range paper.Messages(run.Options.Quick) {
		for r := range run.Options.Repetitions {
			turn := 2 * (10e-6 + costOf(s)/5 + float64(size)/1e9) * (0.9 + 0.2*random.Float64())
			all = append(all, paper.Transfer{Setup: s, Bytes: size, Repetition: r + 1, Turns: 100, Seconds: 100 * turn})
		}
	}
	return all
}

// costOf returns the CPU seconds of a reply.
func costOf(s paper.Setup) float64 {
	added := map[string]float64{paper.Direct: 0, paper.Forward: 12e-6, paper.Director: 30e-6, "haproxy": 170e-6, "nginx": 150e-6, "nft": 20e-6}
	cost := 190e-6 + added[s.Balancer]
	if s.Method == paper.NAT {
		cost += 25e-6
	}
	return cost
}

func usageOf(s paper.Setup, rate float64) (rows []paper.Usage) {
	add := func(subject string, cost float64) {
		rows = append(rows, paper.Usage{Subject: subject, User: rate * cost * 0.3, UserDev: 0.01, Sys: rate * cost * 0.7, SysDev: 0.02})
	}
	for i := range s.Servers {
		add([]string{"rs1", "rs2", "rs3", "rs4"}[i], 60e-6/float64(s.Servers))
	}
	add("client", 70e-6)
	if s.Balancer == paper.Director {
		add("director", 45e-6)
	}
	busy := min(0.9, rate*60e-6)
	for _, name := range []string{"cpu0", "cpu1"} {
		rows = append(rows, paper.Usage{Subject: name, User: busy / 2, Sys: busy / 3, Soft: busy / 6, Idle: 1 - busy, SoftDev: 0.01, IdleDev: 0.03})
	}
	return rows
}
