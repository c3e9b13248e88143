package load_test

import (
	"net/netip"
	"testing"
	"time"

	"director/bench/load"
	"director/bench/server"
)

// BenchmarkDrive measures connections per second of one thread against one server
// of the evaluation over loopback, one page on each connection, as httperf does.
func BenchmarkDrive(b *testing.B) {
	at := netip.MustParseAddrPort("127.0.0.1:18080")
	s, err := server.Start(server.Options{Listen: []netip.AddrPort{at}, Name: "rs1"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		best := 0.0
		for _, rate := range []float64{10_000, 15_000, 20_000, 25_000, 30_000, 40_000} {
			r, err := load.Drive(b.Context(), load.Plan{
				Target: at, Rate: rate, Warmup: 200 * time.Millisecond, Duration: time.Second, CPUs: []int{0},
				Pages: []load.Page{{Path: "/", Size: server.PageSize}},
			}, time.Time{})
			if err != nil {
				b.Fatal(err)
			}
			b.Logf("%.0f offered: %.0f replies/s, %v, errors %v, p50 %v p99 %v, late %v, CPU %v user %v sys", rate, r.ReplyRate.Mean, r.Verdict(), r.Errors, r.Response.P50, r.Response.P99, r.Lateness.P99, r.CPU.User, r.CPU.System)
			if r.Verdict() == load.Held {
				best = max(best, r.ReplyRate.Mean)
			}
		}
		b.ReportMetric(best, "conn/s")
	}
}
