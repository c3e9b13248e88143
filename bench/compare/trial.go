package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"

	"director/bench/figure"
	"director/bench/machine"
	"director/bench/micro"
)

// trial is a comparison of two binaries, A and B.
type trial struct {
	contenders [2][]string // for each: a binary and its own flags
	args       []string    // flags for both
	rounds     int
	measure    func(command []string) (*micro.Result, error)
	say        func(text string)

	before, after string // load averages before and after the rounds
	last          [2]*micro.Result
	rows          []string                // names, in the order of the output
	taken         map[string][2][]reading // by row name; one reading for each round
}

// reading is the result of one row in one round. Lower is better.
type reading struct {
	row, unit    string
	best, median float64
}

// name sets the commands of the two binaries.
func (t *trial) name(a, b string) error {
	t.contenders = [2][]string{strings.Fields(a), strings.Fields(b)}
	for i, c := range t.contenders {
		if len(c) == 0 {
			return fmt.Errorf("no %s: a comparison needs two binaries, --a and --b", letters[i])
		}
	}
	if t.rounds < 1 {
		return fmt.Errorf("%d rounds: want 1 or more", t.rounds)
	}
	return nil
}

// letters are the names of the two binaries in the output.
var letters = [2]string{"A", "B"}

// measure runs a binary with bench micro and returns its result.
func measure(command []string) (*micro.Result, error) {
	var stderr bytes.Buffer
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, strings.TrimSpace(stderr.String()))
	}
	r := new(micro.Result)
	if err := json.Unmarshal(out, r); err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	}
	return r, nil
}

// command returns the command line that measures one of the two binaries.
func (t *trial) command(contender int) []string {
	c := t.contenders[contender]
	return slices.Concat(c[:1], []string{"bench", "micro"}, t.args, c[1:])
}

// run measures all rounds.
func (t *trial) run() error {
	t.taken = map[string][2][]reading{}
	t.before = machine.Load(machine.Host)
	for round := range t.rounds {
		for i := range t.contenders {
			t.say(fmt.Sprintf("round %d of %d: %s", round+1, t.rounds, letters[i]))
			r, err := t.measure(t.command(i))
			if err != nil {
				return err
			}
			t.last[i] = r
			t.keep(i, r)
		}
	}
	t.after = machine.Load(machine.Host)
	// A row that only one binary has cannot be compared.
	t.rows = slices.DeleteFunc(t.rows, func(row string) bool {
		both := t.taken[row]
		return len(both[0]) != t.rounds || len(both[1]) != t.rounds
	})
	if len(t.rows) == 0 {
		return errors.New("the two have no row in common")
	}
	return nil
}

// keep stores the readings of a result.
func (t *trial) keep(contender int, r *micro.Result) {
	for _, x := range readings(r) {
		both, known := t.taken[x.row]
		if !known {
			t.rows = append(t.rows, x.row)
		}
		both[contender] = append(both[contender], x)
		t.taken[x.row] = both
	}
}

// readings returns all values of a result as times and sizes.
func readings(r *micro.Result) []reading {
	const ns, us = "ns", "µs"
	spread := func(row string, s figure.Spread) reading { return reading{row, ns, s.Min, s.Median} }
	one := func(row, unit string, value float64) reading { return reading{row, unit, value, value} }
	all := []reading{spread("memory", r.Memory.NS), spread("floor", r.Floor.NS)}
	for _, c := range r.Cases {
		all = append(all, spread(c.Name, c.NS))
	}
	for _, s := range r.Stages {
		for _, stage := range slices.Sorted(maps.Keys(s.Stages)) {
			all = append(all, one(s.Name+" "+stage, ns, s.Stages[stage]))
		}
	}
	for _, s := range r.Scaling {
		all = append(all, reading{s.Name, ns, 1000 / s.Mpps.Max, 1000 / s.Mpps.Median}) // time between two packets of all workers together
	}
	for _, t := range r.Batch {
		name := "batch, connections stay"
		if t.Expiring {
			name = "batch, connections end"
		}
		all = append(all, one(name+", p50", us, t.P50), one(name+", p99.9", us, t.P999))
	}
	if f := r.Footprint; f != nil {
		all = append(all, one("footprint", "bytes", f.Bytes))
	}
	return all
}

// write prints the comparison.
func (t *trial) write(out io.Writer) error {
	var b strings.Builder
	for i, r := range t.last {
		fmt.Fprintf(&b, "%s: %s\n   %s", letters[i], strings.Join(t.command(i), " "), r.Machine.Go)
		for _, k := range slices.Sorted(maps.Keys(r.Machine.Build)) {
			fmt.Fprintf(&b, " %s=%s", k, r.Machine.Build[k])
		}
		fmt.Fprintf(&b, ", %d MiB on huge pages\n", r.Machine.HugeBytes>>20)
	}
	m := t.last[0].Machine
	fmt.Fprintf(&b, "%s, %d CPUs, %s %s; load averages %s before, %s after\n", m.CPU, m.NumCPU, m.OS, m.Kernel, t.before, t.after)
	fmt.Fprintf(&b, "%d rounds, A B A B ...; min is the minimum over all rounds, median is the median of the medians of the rounds\n\n", t.rounds)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%-28s\tunit\tA min\tA median\tB min\tB median\tB/A min\tB/A median\tB less\t\n", "row")
	for _, row := range t.rows {
		both := t.taken[row]
		minA, medianA := summary(both[0])
		minB, medianB := summary(both[1])
		less := 0
		for i := range t.rounds {
			if both[1][i].median < both[0][i].median {
				less++
			}
		}
		fmt.Fprintf(w, "%-28s\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.3f\t%.3f\t%d of %d\t\n", row, both[0][0].unit,
			minA, medianA, minB, medianB, minB/minA, medianB/medianA, less, t.rounds)
	}
	w.Flush()
	_, err := io.WriteString(out, b.String())
	return err
}

// summary returns the minimum over all rounds of a row, and the median of their
// medians.
func summary(rounds []reading) (least, median float64) {
	var medians []float64
	least = rounds[0].best
	for _, r := range rounds {
		least = min(least, r.best)
		medians = append(medians, r.median)
	}
	return least, figure.SpreadOf(medians).Median
}
