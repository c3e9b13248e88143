//go:build linux

package lab

import (
	"fmt"
	"slices"
	"time"

	"director/bench/figure"
)

// Result is the result of a run. Its JSON is stable. Rates are packets per second,
// CPU times are seconds per million packets that arrived.
type Result struct {
	Machine     Machine         `json:"machine"`
	CPUs        []int           `json:"cpus"`
	Places      []Place         `json:"places"`
	WindowMS    int64           `json:"window_ms"`
	Repetitions int             `json:"repetitions"`
	Throughput  []Throughput    `json:"throughput"`
	Latency     []Latency       `json:"latency"`
	Loss        []Loss          `json:"loss"`
	Idle        []Idle          `json:"idle"`
	Figures     []figure.Figure `json:"figures"`
	Skipped     []Skipped       `json:"skipped"`
}

// Place contains what each CPU did with this number of workers.
type Place struct {
	Workers int      `json:"workers"`
	CPUs    []string `json:"cpus"`
}

// Throughput is the highest rate of a contender. Times and shares are medians.
type Throughput struct {
	Name      string        `json:"name"`
	Contender string        `json:"contender"`
	Workers   int           `json:"workers"`
	Flows     int           `json:"flows"`
	PPS       figure.Spread `json:"pps"`
	Offered   float64       `json:"offered_pps"`
	Lost      float64       `json:"lost_share"` // of the offered packets
	Otherwise uint64        `json:"otherwise"`  // packets that arrived, but not as the contender should send them
	Process   float64       `json:"process_cpu_s_per_mpkt"`
	Softirq   float64       `json:"softirq_cpu_s_per_mpkt"`
	Busy      float64       `json:"busy_cpu_s_per_mpkt"`
}

// Latency is the latency of round trips at a low rate. Quantiles are medians of the
// repetitions' quantiles.
type Latency struct {
	Name      string  `json:"name"`
	Contender string  `json:"contender"`
	Rate      int     `json:"rate_pps"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	Trips     int     `json:"trips"`
	Lost      int     `json:"lost"`
}

// Loss is the loss at half of the peak rate.
type Loss struct {
	Name      string  `json:"name"`
	Contender string  `json:"contender"`
	Rate      float64 `json:"rate_pps"`
	Reached   float64 `json:"reached_pps"` // the rate that the source reached
	Arrived   uint64  `json:"arrived"`
	Lost      uint64  `json:"lost"`
}

// Idle is the CPU usage of a director with a full table and no traffic.
type Idle struct {
	Name      string  `json:"name"`
	Contender string  `json:"contender"`
	Table     string  `json:"table"`
	CPU       float64 `json:"cpu_share"` // of one CPU
}

// Skipped names rows that could not be measured, and why.
type Skipped struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// peakName returns the name of a row of throughput.
func peakName(contender string, workers, flows int) string {
	return fmt.Sprintf("%s/%d/%dk", contender, workers, flows/1000)
}

func (b *bench) result() *Result {
	r := &Result{
		Machine: b.machine, CPUs: b.CPUs, WindowMS: b.Duration.Milliseconds(), Repetitions: b.Repetitions, Skipped: b.incomplete,
	}
	for _, workers := range []int{1, 2} {
		took := workers == 1 || slices.ContainsFunc(b.peaks, func(row *peakRow) bool { return row.workers == workers })
		if p, ok := b.places[workers]; ok && took {
			r.Places = append(r.Places, Place{workers, p.describe()})
		}
	}
	for _, row := range b.peaks {
		for i, n := range row.flows {
			r.Throughput = append(r.Throughput, throughput(row.contender.name, row.workers, n, row.windows[i]))
		}
	}
	for _, row := range b.latencies {
		r.Latency = append(r.Latency, row.result())
	}
	for _, row := range b.losses {
		r.Loss = append(r.Loss, Loss{
			Name: "loss/" + row.contender.name, Contender: row.contender.name, Rate: row.rate,
			Reached: float64(row.window.packets+row.window.lost) / row.took.Seconds(), Arrived: row.window.packets, Lost: row.window.lost,
		})
	}
	for _, row := range b.idles {
		r.Idle = append(r.Idle, Idle{"idle/" + row.contender.name, row.contender.name, row.conns, row.share})
	}
	r.Figures = r.figures()
	if b.quick {
		figure.Unjudged(r.Figures)
	}
	return r
}

func throughput(contender string, workers, flows int, windows []window) Throughput {
	t := Throughput{Name: peakName(contender, workers, flows), Contender: contender, Workers: workers, Flows: flows}
	of := func(f func(w window) float64) figure.Spread {
		var samples []float64
		for _, w := range windows {
			samples = append(samples, f(w))
		}
		return figure.SpreadOf(samples)
	}
	perMillion := func(d time.Duration, w window) float64 { return d.Seconds() / max(1, float64(w.packets)) * 1e6 }
	t.PPS = of(func(w window) float64 { return w.pps })
	t.Offered = of(func(w window) float64 { return w.offered }).Median
	t.Lost = of(func(w window) float64 { return float64(w.lost) / max(1, float64(w.lost+w.packets)) }).Median
	t.Process = of(func(w window) float64 { return perMillion(w.process, w) }).Median
	t.Softirq = of(func(w window) float64 { return perMillion(w.spent.Softirq, w) }).Median
	t.Busy = of(func(w window) float64 { return perMillion(w.spent.Busy(), w) }).Median
	for _, w := range windows {
		t.Otherwise += w.otherwise
	}
	return t
}

func (row *latencyRow) result() Latency {
	l := Latency{Name: "latency/" + row.contender.name, Contender: row.contender.name, Rate: echoRate}
	var p50, p99 []float64
	for _, t := range row.trips {
		slices.Sort(t.times)
		p50, p99 = append(p50, quantile(t.times, 0.5)), append(p99, quantile(t.times, 0.99))
		l.Trips += len(t.times)
		l.Lost += t.lost
	}
	l.P50, l.P99 = figure.SpreadOf(p50).Median, figure.SpreadOf(p99).Median
	return l
}

// quantile returns a quantile of sorted times, in microseconds; 0 if there are
// none.
func quantile(times []time.Duration, q float64) float64 {
	if len(times) == 0 {
		return 0
	}
	i := min(len(times)-1, int(q*float64(len(times))))
	return float64(times[i]) / float64(time.Microsecond)
}
