package micro

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"director/bench/figure"
)

// Write prints the result as tables.
func (r *Result) Write(out io.Writer) error {
	var b strings.Builder
	r.writeHead(&b)
	r.writeCases(&b)
	r.writeStages(&b)
	r.writeScaling(&b)
	r.writeRest(&b)
	_, err := io.WriteString(out, b.String())
	return err
}

func (r *Result) writeHead(b *strings.Builder) {
	m := r.Machine
	cpu := m.CPU
	if cpu == "" {
		cpu = m.Arch
	}
	fmt.Fprintf(b, "%s, %d CPUs, %s %s, %s", cpu, m.NumCPU, m.OS, m.Kernel, m.Go)
	for _, k := range slices.Sorted(maps.Keys(m.Build)) {
		fmt.Fprintf(b, " %s=%s", k, m.Build[k])
	}
	pinned := "not pinned"
	if r.Pinned {
		pinned = "pinned"
	}
	pages := "wanted"
	if r.SmallPages {
		pages = "declined"
	}
	fmt.Fprintf(b, "\nWorkers on CPUs %v, %s. Tables for %d connections. Huge pages %s: %d MiB are on huge pages.\n",
		r.CPUs, pinned, r.TableSize, pages, m.HugeBytes>>20)
	fmt.Fprintf(b, "%d repetitions of all rows in turn, %g ms each (new connections: a quarter).\nIncluded: %s.\n\n",
		r.Repetitions, r.RowMillis, r.Includes)
}

// columns begins a table of numbers.
func columns(b *strings.Builder) *tabwriter.Writer {
	return tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
}

// left pads a word of the first column.
func left(word string) string { return fmt.Sprintf("%-24s", word) }

// reached returns the target of a figure, and whether it is met, if it is judged.
func (r *Result) reached(name string) string {
	f := r.figure(name)
	if f == nil || f.Met == nil {
		return "\t"
	}
	return f.ToReach() + "\t" + f.Verdict()
}

func (r *Result) writeCases(b *strings.Builder) {
	w := columns(b)
	fmt.Fprintf(w, "%s\tns/packet\tmin\tmax\tMpps/core\tallocs\tx memory\tto reach\tmet\t\n", left("row"))
	spread := func(name string, ns figure.Spread) {
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%.2f\t", left(name), ns.Median, ns.Min, ns.Max, 1000/ns.Median)
	}
	spread("memory (a read)", r.Memory.NS)
	fmt.Fprintf(w, "\t1\t\t\t\n")
	spread("floor", r.Floor.NS)
	fmt.Fprintf(w, "\t%.2f\t%s\t\n", r.Floor.Ratio, r.reached(ofMemory("floor")))
	for _, c := range r.Cases {
		spread(c.Name, c.NS)
		fmt.Fprintf(w, "%.3g\t%.2f\t%s\t\n", c.Allocs, c.Ratio, r.reached(ofMemory(c.Name)))
	}
	w.Flush()
}

func (r *Result) writeStages(b *strings.Builder) {
	if len(r.Stages) == 0 {
		return
	}
	fmt.Fprintf(b, "\nThe stages measured separately, in batches of 64, ns/packet. The clock is read between them, so they do not\n"+
		"overlap; the cost of reading it is subtracted. Counters, sweeping and publishing are not included.\n\n")
	w := columns(b)
	fmt.Fprintf(w, "%s\t%s\tsum\twhole step\t\n", left("row"), strings.Join(stageNames[:], "\t"))
	for _, s := range r.Stages {
		fmt.Fprintf(w, "%s\t", left(s.Name))
		for _, name := range stageNames {
			if ns, ok := s.Stages[name]; ok {
				fmt.Fprintf(w, "%.1f", ns)
			}
			fmt.Fprint(w, "\t")
		}
		fmt.Fprintf(w, "%.1f\t", s.Sum)
		if s.Whole != 0 {
			fmt.Fprintf(w, "%.1f", s.Whole)
		}
		fmt.Fprint(w, "\t\n")
	}
	w.Flush()
}

func (r *Result) writeScaling(b *strings.Builder) {
	if len(r.Scaling) == 0 {
		return
	}
	fmt.Fprintf(b, "\nWorkers that share one table, NAT in, each with its own port and CPU; the giant lock is one mutex around each worker's step.\n"+
		"The floor's workers share nothing: what they lack to a perfect speedup is due to the machine. The factor over one worker\n"+
		"is the median of the repetitions.\n\n")
	w := columns(b)
	fmt.Fprintf(w, "%s\tworkers\tMpps\tmin\tmax\tx one worker\tto reach\tmet\t\n", left("row"))
	for _, s := range r.Scaling {
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%s\t\n",
			left(s.Kind), s.Workers, s.Mpps.Median, s.Mpps.Min, s.Mpps.Max, s.Speedup, r.reached(ofOne(s.Name)))
	}
	w.Flush()
}

func (r *Result) writeRest(b *strings.Builder) {
	if len(r.Batch) > 0 {
		fmt.Fprintf(b, "\nThe time of a batch of 64, NAT in, half the table established; when connections end, three eighths of it expire at once.\n"+
			"In a flood the rest of the table is half-open, and half of each batch is SYNs. Each SYN replaces a half-open connection.\n\n")
		w := columns(b)
		fmt.Fprintf(w, "%s\tp50 µs\tp99\tp99.9\tmax\tended/batch\tmost\tlost\t\n", left("connections"))
		for _, t := range r.Batch {
			name := "stay"
			switch {
			case t.Expiring:
				name = "end"
			case t.Flood:
				name = "flood"
			}
			fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%d\t%d\t\n", left(name), t.P50, t.P99, t.P999, t.Max, t.Ended, t.MostEnd, t.Lost)
		}
		w.Flush()
	}
	if f := r.Footprint; f != nil {
		fmt.Fprintf(b, "\nMemory per connection, everything included, with %d: %.0f bytes %s\n", f.Conns, f.Bytes,
			strings.ReplaceAll(r.reached(bytesEach), "\t", " "))
	}
}
