package load_test

import (
	"testing"

	"director/bench/fetch"
	"director/bench/load"
)

// 1 % may begin late or fail. The client is judged first.
func TestVerdict_SaysWhichEndSaturates(t *testing.T) {
	for _, c := range []struct {
		name string
		r    load.Report
		want load.Verdict
	}{
		{"all went well", load.Report{}, load.Held},
		{"a hundredth late", load.Report{Late: 10}, load.Held},
		{"more late", load.Report{Late: 11}, load.ClientSaturates},
		{"more never begun", load.Report{Unstarted: 11}, load.ClientSaturates},
		{"a hundredth failed", load.Report{Errors: map[fetch.Kind]int64{fetch.Timeout: 10}}, load.Held},
		{"more failed", load.Report{Errors: map[fetch.Kind]int64{fetch.Timeout: 6, fetch.Reset: 5}}, load.TargetSaturates},
		{"the client has no port", load.Report{Errors: map[fetch.Kind]int64{fetch.NoPort: 11}}, load.ClientSaturates},
		{"both ends", load.Report{Late: 11, Errors: map[fetch.Kind]int64{fetch.Timeout: 500}}, load.ClientSaturates},
	} {
		c.r.Connections, c.r.Plan.Rate = 1000, 100
		if got := c.r.Verdict(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	for want, r := range map[load.Verdict]load.Report{
		load.RateNotDetermined: {Connections: 1000},
		load.ClientSaturates:   {Plan: load.Plan{Rate: 100}},
	} {
		if got := r.Verdict(); got != want {
			t.Errorf("of %d connections at %v/s: %v, want %v", r.Connections, r.Plan.Rate, got, want)
		}
	}
}
