//go:build linux

package lab

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"director/bench/figure"
)

// Write prints the result as tables.
func (r *Result) Write(out io.Writer) error {
	var b strings.Builder
	r.writeHead(&b)
	r.writeThroughput(&b)
	r.writeRest(&b)
	r.writeFigures(&b)
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "\nNot taken: %s: %s\n", s.Name, s.Why)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (r *Result) writeHead(b *strings.Builder) {
	m := r.Machine
	fmt.Fprintf(b, "%s, %d CPUs, Linux %s, %s, load average %s at the start\n", m.CPU, m.NumCPU, m.Kernel, m.Go, m.Load)
	fmt.Fprintf(b, "%d repetitions of all rows in turn, %d ms each; UDP, 64 bytes on the wire, veth, one way\n",
		r.Repetitions, r.WindowMS)
	for _, p := range r.Places {
		fmt.Fprintf(b, "\n%d worker(s):\n", p.Workers)
		for _, text := range p.CPUs {
			fmt.Fprintf(b, "  %s\n", text)
		}
	}
}

// columns begins a table of numbers.
func columns(b *strings.Builder) *tabwriter.Writer {
	return tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
}

// left pads a word of the first column.
func left(word string) string { return fmt.Sprintf("%-28s", word) }

func (r *Result) writeThroughput(b *strings.Builder) {
	if len(r.Throughput) == 0 {
		return
	}
	fmt.Fprint(b, "\nThe highest forwarded rate: contender/workers/flows. CPU seconds per million packets: of the contender's process;\n"+
		"in softirq, and busy in total, on the CPUs above, including the source's. A softirq that interrupts the process counts\n"+
		"in both, unless the kernel accounts for interrupts separately (CONFIG_IRQ_TIME_ACCOUNTING).\n\n")
	w := columns(b)
	fmt.Fprintf(w, "%s\tkpps\tmin\tmax\toffered\tlost %%\tprocess\tsoftirq\tbusy\t\n", left("row"))
	for _, t := range r.Throughput {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.1f\t%.2f\t%.2f\t%.2f\t\n", left(t.Name), t.PPS.Median/1e3, t.PPS.Min/1e3, t.PPS.Max/1e3,
			t.Offered/1e3, t.Lost*100, t.Process, t.Softirq, t.Busy)
	}
	w.Flush()
	for _, t := range r.Throughput {
		if t.Otherwise > 0 {
			fmt.Fprintf(b, "%s: %d packets did not arrive as this contender should send them\n", t.Name, t.Otherwise)
		}
	}
}

func (r *Result) writeRest(b *strings.Builder) {
	if len(r.Latency) > 0 {
		fmt.Fprintf(b, "\nRound trips of a UDP pair at %d packets/s, client on the source's CPU, server on the worker's.\n"+
			"With direct routing the answer returns through the director's kernel.\n\n", echoRate)
		w := columns(b)
		fmt.Fprintf(w, "%s\tp50 µs\tp99\ttrips\tlost\t\n", left("row"))
		for _, l := range r.Latency {
			fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%d\t%d\t\n", left(l.Name), l.P50, l.P99, l.Trips, l.Lost)
		}
		w.Flush()
	}
	if len(r.Loss) > 0 {
		fmt.Fprint(b, "\nAt half of the peak rate.\n\n")
		w := columns(b)
		fmt.Fprintf(w, "%s\tkpps\treached\tarrived\tlost\t\n", left("row"))
		for _, l := range r.Loss {
			fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%d\t%d\t\n", left(l.Name), l.Rate/1e3, l.Reached/1e3, l.Arrived, l.Lost)
		}
		w.Flush()
	}
	if len(r.Idle) > 0 {
		fmt.Fprint(b, "\nNo traffic, table full.\n\n")
		for _, i := range r.Idle {
			fmt.Fprintf(b, "%s  %.2f %% of a CPU, %s\n", left(i.Name), i.CPU*100, i.Table)
		}
	}
}

func (r *Result) writeFigures(b *strings.Builder) {
	if len(r.Figures) == 0 {
		return
	}
	fmt.Fprint(b, "\nFigures with one worker.\n\n")
	figure.Write(b, r.Figures)
}
