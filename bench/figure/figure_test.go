package figure_test

import (
	"strings"
	"testing"

	"director/bench/figure"
)

func TestJudge_ComparesAsItsSignSays(t *testing.T) {
	for _, c := range []struct {
		value float64
		sign  string
		reach float64
		want  string
	}{
		{1.9, figure.AtLeast, 1.9, "yes"}, {1.89, figure.AtLeast, 1.9, "NO"},
		{0.12, figure.AtMost, 0.12, "yes"}, {0.13, figure.AtMost, 0.12, "NO"},
		{0.009, figure.Below, 0.01, "yes"}, {0.01, figure.Below, 0.01, "NO"},
	} {
		f := figure.Judge("a", c.value, c.sign, c.reach)
		if f.Verdict() != c.want {
			t.Errorf("%g %s: %s, want %s", c.value, f.ToReach(), f.Verdict(), c.want)
		}
	}
}

func TestWrite_PrintsVerdictsAndNotes(t *testing.T) {
	all := []figure.Figure{figure.Judge("floor / memory", 0.1234, figure.AtMost, 0.12), figure.Judge("b", 2, figure.AtLeast, 1)}
	figure.Unjudged(all[1:])
	all[1].Note = "not judged: too short"
	var b strings.Builder
	figure.Write(&b, all)
	want := "figure          value  to reach  met                    \n" +
		"floor / memory  0.123  ≤ 0.12    NO                     \n" +
		"b               2      ≥ 1       not judged: too short  \n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestSpreadOf_TakesTheMiddle(t *testing.T) {
	for _, c := range []struct {
		samples []float64
		want    figure.Spread
	}{
		{nil, figure.Spread{}},
		{[]float64{3}, figure.Spread{Min: 3, Median: 3, Max: 3}},
		{[]float64{3, 1}, figure.Spread{Min: 1, Median: 2, Max: 3}},
		{[]float64{5, 1, 2}, figure.Spread{Min: 1, Median: 2, Max: 5}},
		{[]float64{4, 1, 3, 2}, figure.Spread{Min: 1, Median: 2.5, Max: 4}},
	} {
		if got := figure.SpreadOf(c.samples); got != c.want {
			t.Errorf("%v: %v, want %v", c.samples, got, c.want)
		}
	}
}
