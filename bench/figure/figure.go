// Package figure judges the results of benchmarks: it holds figures with their
// targets, and the spread of repeated measurements.
package figure

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// How a value is compared with its target.
const (
	AtLeast = "≥"
	AtMost  = "≤"
	Below   = "<"
)

// Figure is a ratio, a share or a number, with an optional target.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Sign  string  `json:"sign"` // how Value is compared with Reach; empty: no target
	Reach float64 `json:"reach"`
	Met   *bool   `json:"met,omitempty"` // nil if the figure is not judged
	Note  string  `json:"note,omitempty"`
}

// Judge makes a figure. It is met if value compares with reach as sign says.
func Judge(name string, value float64, sign string, reach float64) Figure {
	met := value <= reach
	switch sign {
	case AtLeast:
		met = value >= reach
	case Below:
		met = value < reach
	}
	return Figure{Name: name, Value: value, Sign: sign, Reach: reach, Met: &met}
}

// ToReach returns the target as text, empty if there is none.
func (f *Figure) ToReach() string {
	if f.Sign == "" {
		return ""
	}
	return fmt.Sprintf("%s %g", f.Sign, f.Reach)
}

// Verdict returns whether the figure is met, or why it is not judged.
func (f *Figure) Verdict() string {
	switch {
	case f.Met == nil:
		return f.Note
	case *f.Met:
		return "yes"
	}
	return "NO"
}

// Unjudged removes the verdicts from figures whose measurement was too short.
func Unjudged(all []Figure) {
	for i := range all {
		all[i].Met = nil
	}
}

// Write prints figures as a table.
func Write(out io.Writer, all []Figure) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "figure\tvalue\tto reach\tmet\t\n")
	for i := range all {
		f := &all[i]
		fmt.Fprintf(w, "%s\t%.3g\t%s\t%s\t\n", f.Name, f.Value, f.ToReach(), f.Verdict())
	}
	w.Flush()
}

// Spread summarises the repetitions of a measurement.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// SpreadOf returns the spread of samples, or the zero Spread if there are none. The
// median of an even number of samples is the mean of the middle two.
func SpreadOf(samples []float64) Spread {
	if len(samples) == 0 {
		return Spread{}
	}
	s := slices.Sorted(slices.Values(samples))
	n := len(s)
	return Spread{s[0], (s[(n-1)/2] + s[n/2]) / 2, s[n-1]}
}
