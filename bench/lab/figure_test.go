//go:build linux

package lab

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/bench/figure"
	"director/bench/machine"
)

// taken returns a result with these rates of one worker and 1k flows.
func taken(rates map[string]float64) *Result {
	r := &Result{}
	for name, pps := range rates {
		r.Throughput = append(r.Throughput, Throughput{Name: peakName(name, 1, fewFlows), PPS: figure.Spread{Median: pps}})
	}
	return r
}

// verdicts returns the verdict on each figure.
func verdicts(all []figure.Figure) map[string]string {
	said := map[string]string{}
	for _, f := range all {
		switch {
		case f.Met == nil:
			said[f.Name] = f.Note[:min(len(f.Note), len("not judged"))]
		case *f.Met:
			said[f.Name] = "yes"
		default:
			said[f.Name] = "no"
		}
	}
	return said
}

func TestFigures_JudgeTheMeasuredRows(t *testing.T) {
	const dr, nat = "director-dr-xdp", "director-nat-xdp"
	for _, c := range []struct {
		rates map[string]float64
		want  map[string]string
	}{
		{nil, map[string]string{}},
		{map[string]float64{"nft": 10, nat: 13}, map[string]string{nat + " / nft, 1k flows": "yes"}},
		{map[string]float64{"nft": 10, nat: 12.9}, map[string]string{nat + " / nft, 1k flows": "no"}},
		{map[string]float64{"forward": 100, "xsk": 92, dr: 86}, map[string]string{
			dr + " / xsk, 1k flows": "yes", dr + " / forward, 1k flows": "yes",
		}},
		{map[string]float64{"forward": 100, "xsk": 91, dr: 84}, map[string]string{
			dr + " / xsk, 1k flows": "no", dr + " / forward, 1k flows": "not judged",
		}},
	} {
		if diff := cmp.Diff(c.want, verdicts(taken(c.rates).figures())); diff != "" {
			t.Errorf("rates %v (-want +got):\n%s", c.rates, diff)
		}
	}
}

func TestFigures_JudgeLatencyLossAndIdling(t *testing.T) {
	r := &Result{
		Latency: []Latency{{Contender: "forward", P50: 10}, {Contender: "director-dr-xdp", P50: 13.1}, {Contender: "director-nat-xdp", P50: 13}},
		Loss:    []Loss{{Name: "loss/a"}, {Name: "loss/b", Lost: 1}},
		Idle:    []Idle{{Name: "idle/a", CPU: 0.0099}, {Name: "idle/b", CPU: 0.01}},
	}
	want := map[string]string{
		"p50 round trip director-nat-xdp / forward": "yes", "p50 round trip director-dr-xdp / forward": "no",
		"packets lost, loss/a": "yes", "packets lost, loss/b": "no", "CPU of idle/a": "yes", "CPU of idle/b": "no",
	}
	if diff := cmp.Diff(want, verdicts(r.figures())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBetween_CountsWhatHappenedMeanwhile(t *testing.T) {
	begin := time.Now()
	a := sample{at: begin, sent: 100, arrived: 50, otherwise: 1, spent: machine.Spent{Softirq: 1, User: 10}, process: 5}
	b := sample{at: begin.Add(2 * time.Second), sent: 1100, arrived: 850, otherwise: 3, spent: machine.Spent{Softirq: 4, User: 30}, process: 9}
	want := window{pps: 400, offered: 500, lost: 200, otherwise: 2, packets: 800, process: 4, spent: machine.Spent{Softirq: 3, User: 20}}
	if got := between(a, b); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestQuantile_TakesTheMiddle(t *testing.T) {
	us := time.Microsecond
	times := []time.Duration{1 * us, 2 * us, 3 * us, 400 * us}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 0.99: 400, 1: 400} {
		if got := quantile(times, q); got != want {
			t.Errorf("quantile %g of %v is %g, want %g", q, times, got, want)
		}
	}
}

func TestResult_WritesWhatItHas(t *testing.T) {
	r := taken(map[string]float64{"nft": 1e6, "director-nat-xdp": 1e6})
	r.Skipped = []Skipped{{"forward", "not available"}}
	r.Throughput[0].Otherwise = 7
	r.Figures = r.figures()
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"nft/1/1k ", " 1000 ", ": 7 packets did not arrive as", "director-nat-xdp / nft, 1k flows  1      ≥ 1.3     NO", "Not taken: forward: not available"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got\n%s\nwant %q in it", b.String(), want)
		}
	}
}
