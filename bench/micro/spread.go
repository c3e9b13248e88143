package micro

import "slices"

// Spread is what the repetitions of a measurement gave.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// spreadOf returns the spread of at least one sample.
func spreadOf(samples []float64) Spread {
	s := slices.Sorted(slices.Values(samples))
	n := len(s)
	return Spread{s[0], (s[(n-1)/2] + s[n/2]) / 2, s[n-1]}
}

// medianOf is the median of one figure of the samples.
func medianOf[T any](samples []T, figure func(T) float64) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, figure(s))
	}
	return spreadOf(all).Median
}
