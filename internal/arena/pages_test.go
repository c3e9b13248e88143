//go:build linux && !race

package arena_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"director/internal/arena"
)

// adviceOn is what the kernel was told of the memory at s, proc_pid_smaps(5):
// hg of huge pages that are wanted, nh of ones that are not.
func adviceOn(t *testing.T, s []line) (advice []string) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	var at uint64
	if _, err := fmt.Sscanf(fmt.Sprintf("%p", s), "0x%x", &at); err != nil {
		t.Fatal(err)
	}
	here := false
	for l := range strings.Lines(string(text)) {
		var begin, end uint64
		if n, _ := fmt.Sscanf(l, "%x-%x ", &begin, &end); n == 2 {
			here = begin <= at && at < end
		}
		if flags, ok := strings.CutPrefix(l, "VmFlags:"); ok && here {
			return strings.Fields(flags)
		}
	}
	t.Fatalf("no mapping holds %#x", at)
	return nil
}

func TestMakeSparse_LiesOnSmallPages(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this kernel has no transparent huge pages")
	}
	s, err := arena.MakeSparse[line](1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Free(s)
	if got := adviceOn(t, s); slices.Contains(got, "hg") || !slices.Contains(got, "nh") {
		t.Errorf("flags %q of the mapping", got)
	}
}

func TestHugePages_AreAskedForOrDeclined(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this kernel has no transparent huge pages")
	}
	for _, on := range []bool{false, true} {
		if err := arena.HugePages(on); err != nil {
			t.Fatal(err)
		}
		s, err := arena.Make[line](1 << 16)
		if err != nil {
			t.Fatal(err)
		}
		if got := adviceOn(t, s); slices.Contains(got, "hg") != on || slices.Contains(got, "nh") == on {
			t.Errorf("huge pages %v: flags %q of the mapping", on, got)
		}
		arena.Free(s)
	}
}
