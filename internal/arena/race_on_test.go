//go:build race

package arena_test

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"director/internal/arena"
)

const raceEnabled = true

// TestRace_IsSeenInTables plants a race in table memory, in a process of its
// own, and expects the detector to speak: a clean -race run of the tables
// would mean nothing otherwise.
func TestRace_IsSeenInTables(t *testing.T) {
	const planted = "ARENA_PLANTED_RACE"
	if os.Getenv(planted) != "" {
		s, err := arena.Make[line](1)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { s[0].words[0]++ })
		}
		wg.Wait()
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestRace_IsSeenInTables$")
	cmd.Env = append(os.Environ(), planted+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "DATA RACE") {
		t.Errorf("the detector is silent about a planted race: %v\n%s", err, out)
	}
}

func TestHugePages_CannotBeDeclinedOnTheGoHeap(t *testing.T) {
	if err := arena.HugePages(true); err != nil {
		t.Error(err)
	}
	if arena.HugePages(false) == nil {
		t.Error("no error, and nothing to decline")
	}
}
