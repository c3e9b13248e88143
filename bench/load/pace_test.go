package load

import (
	"math"
	"testing"
	"time"
)

// The lanes of all clients together keep the rate, exact to the nanosecond.
func TestPacer_LanesMakeUpTheRate(t *testing.T) {
	p := Plan{Rate: 300, Duration: time.Second, Threads: 3, Share: Share{Of: 2}}.WithDefaults()
	seen := map[time.Duration]int{}
	for client := range 2 {
		p.Share.Index = client
		for i := range p.Threads {
			pace := newPacer(p, i)
			for at, ok := pace.next(); ok; at, ok = pace.next() {
				seen[at]++
			}
		}
	}
	for i := range 300 {
		if at := time.Duration(math.Round(float64(i) * 1e9 / 300)); seen[at] != 1 {
			t.Errorf("connection %d at %v begins %d times", i, at, seen[at])
		}
	}
	if len(seen) != 300 {
		t.Errorf("%d connections, want 300", len(seen))
	}
}

func TestPacer_DrawsAPoissonProcess(t *testing.T) {
	p := Plan{Rate: 10_000, Poisson: true, Seed: 1, Duration: 10 * time.Second}.WithDefaults()
	pace := newPacer(p, 0)
	n, last, squares := 0, time.Duration(0), 0.0
	for at, ok := pace.next(); ok; at, ok = pace.next() {
		gap := (at - last).Seconds() * p.Rate
		squares += gap * gap
		last = at
		n++
	}
	if n < 99_000 || n > 101_000 {
		t.Errorf("%d connections in 10 s of 10,000", n)
	}
	// The second moment of an exponential distribution is twice the square of its
	// mean.
	if m := squares / float64(n); m < 1.9 || m > 2.1 {
		t.Errorf("second moment %.2f, want 2", m)
	}
}
