package load

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"director/bench/fetch"
)

// Text formats a report similar to httperf's output.
func (r *Report) Text() string {
	var b strings.Builder
	seconds := r.Plan.Duration.Seconds()
	share := func(n int64) float64 { return 100 * float64(n) / float64(max(1, r.Connections)) }
	fmt.Fprintf(&b, "%s: %.0f connections/s to %s for %v after %v, by %s\n", r.Verdict(), r.Plan.Rate, r.Plan.Target, r.Plan.Duration, r.Plan.Warmup, r.Engine)
	fmt.Fprintf(&b, "Clients: %d with %d threads, at most %d connections open, CPU %.2f s user %.2f s system\n",
		r.Clients, r.Threads, r.MostOpen, r.CPU.User.Seconds(), r.CPU.System.Seconds())
	fmt.Fprintf(&b, "Connections: %d due, %d made; %d begun more than %v late, %d not at all\n", r.Connections, r.Connected, r.Late, lateAfter, r.Unstarted)
	fmt.Fprintf(&b, "Reply rate: %.1f/s, of %d samples least %.1f most %.1f deviation %.1f\n",
		r.ReplyRate.Mean, r.ReplyRate.Samples, r.ReplyRate.Min, r.ReplyRate.Max, r.ReplyRate.StdDev)
	fmt.Fprintf(&b, "Replies: %d good of %d requests, %.1f kB/s\n", r.Replies, r.Requests, float64(r.HeadBytes+r.BodyBytes)/1000/seconds)
	for _, t := range []struct {
		name string
		of   *Latency
	}{
		{"Response time, from when it was due", &r.Response}, {"Response time, from when it began", &r.Uncorrected},
		{"Connecting", &r.Connect}, {"First byte", &r.FirstByte},
	} {
		ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
		fmt.Fprintf(&b, "%s (ms): mean %.2f, 50%% %.2f, 90%% %.2f, 99%% %.2f, 99.9%% %.2f, most %.2f\n", t.name,
			ms(t.of.Mean), ms(t.of.P50), ms(t.of.P90), ms(t.of.P99), ms(t.of.P999), ms(t.of.Max))
	}
	fmt.Fprintf(&b, "Errors: %d (%.3f %%)\n", r.Failed(), share(r.Failed()))
	for _, k := range fetch.Kinds {
		if n := r.Errors[k]; n > 0 {
			fmt.Fprintf(&b, "  %s: %d", k, n)
			if text := r.Examples[k]; text != "" {
				fmt.Fprintf(&b, ", such as %s", text)
			}
			b.WriteByte('\n')
		}
	}
	names := make([]string, 0, len(r.Servers))
	for n := range r.Servers {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		fmt.Fprintf(&b, "Server %s: %d replies (%.1f %%)\n", n, r.Servers[n], 100*float64(r.Servers[n])/float64(max(1, r.Replies)))
	}
	return b.String()
}
