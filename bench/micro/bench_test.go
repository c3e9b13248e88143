package micro

import (
	"testing"
	"time"

	"director/bench/figure"
)

// BenchmarkRow measures each row of "director bench micro". One operation measures
// a row for a millisecond, so only the reported metric is meaningful.
func BenchmarkRow(b *testing.B) {
	run := &bench{Options: quick(), rigs: map[rigKey]*rig{}}
	defer run.close()
	if err := run.prepare(); err != nil {
		b.Fatal(err)
	}
	take := func(b *testing.B, take func(time.Duration) error) {
		for b.Loop() {
			if err := take(time.Millisecond); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, r := range append([]*row{&run.memory, &run.floor}, rowsOf(run.cases)...) {
		b.Run(r.name, func(b *testing.B) {
			take(b, r.take)
			b.ReportMetric(figure.SpreadOf(r.samples).Median, "ns/packet")
		})
	}
	for _, s := range run.stages {
		b.Run(s.name, func(b *testing.B) {
			take(b, s.take)
			for name, ns := range s.result().Stages {
				b.ReportMetric(ns, name+"-ns/packet")
			}
		})
	}
	for _, s := range run.scaling {
		b.Run(s.name, func(b *testing.B) {
			take(b, s.take)
			b.ReportMetric(figure.SpreadOf(s.samples).Median, "Mpps")
		})
	}
	b.Run("batch", func(b *testing.B) {
		take(b, run.burst.take)
		for _, t := range run.burst.result() {
			name := "p99.9-stay-µs"
			if t.Expiring {
				name = "p99.9-end-µs"
			}
			b.ReportMetric(t.P999, name)
		}
	})
	b.Run("flood", func(b *testing.B) {
		take(b, run.flood.take)
		b.ReportMetric(run.flood.result().P999, "p99.9-µs")
	})
}

func rowsOf(cases []*caseRow) (all []*row) {
	for _, c := range cases {
		all = append(all, &c.row)
	}
	return all
}
