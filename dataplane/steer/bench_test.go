package steer_test

import "testing"

// BenchmarkXDP measures the decision alone: the kernel runs the program b.N times
// on one frame. A frame that is taken finds no socket, so it is counted, too.
func BenchmarkXDP(b *testing.B) {
	s := load(b)
	xdp := attachXDP(b, s)
	for _, d := range decisions() {
		b.Run(d.name, func(b *testing.B) {
			_, each, err := xdp.Program().Benchmark(d.frame, b.N, b.ResetTimer)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(each.Nanoseconds()), "ns/op")
		})
	}
}
