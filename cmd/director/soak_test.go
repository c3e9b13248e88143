//go:build linux

package main

import (
	"testing"

	"director/bench/scale"
	"director/internal/nettest"
)

// soakRounds is how often everything is done. Half of the rounds are a warm-up, in which pools
// reach their size.
const soakRounds = 60

// A director whose rules change, which is reloaded, captured and scraped, comes to rest. The
// soak of an hour is "make soak".
func TestSoak_ComesToRest(t *testing.T) {
	nettest.Root(t)
	r, err := scale.RunSoak(t.Context(), scale.SoakOptions{
		Options: scale.Options{Services: 20, Servers: 5, Director: directorCommand},
		Rounds:  soakRounds, Progress: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Rounds != soakRounds {
		t.Errorf("%d rounds, want %d", r.Rounds, soakRounds)
	}
	third, last := r.Third, r.Last
	if last.Goroutines != third.Goroutines || last.Descriptors != third.Descriptors {
		t.Errorf("goroutines %g, then %g; descriptors %g, then %g: they do not come to rest",
			third.Goroutines, last.Goroutines, third.Descriptors, last.Descriptors)
	}
	// The servers of removed services stay in the trash for minutes.
	if most := third.Heap*1.25 + 2; last.Heap > most || last.Heap == 0 {
		t.Errorf("%.1f MB of live heap, later %.1f MB, want at most %.1f MB", third.Heap, last.Heap, most)
	}
}
