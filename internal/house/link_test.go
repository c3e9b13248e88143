package house

import (
	"os/exec"
	"strings"
	"testing"
)

// maxLinked is the most packages outside the standard library, own ones included, that
// the program which forwards may link. Lower it when a change removes packages. Before
// raising it, consider a program beside director, as director-bench is.
const maxLinked = 117

// linked returns the packages that a program links: all, and those outside the
// standard library.
func linked(t *testing.T, program string) (all, foreign []string) {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{.Standard}}", module+"/cmd/"+program).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		pkg, standard, _ := strings.Cut(strings.TrimSpace(line), " ")
		all = append(all, pkg)
		if standard == "false" {
			foreign = append(foreign, pkg)
		}
	}
	return all, foreign
}

// onlyInTests lists what no program may link, because only tests need it.
var onlyInTests = []string{
	"testing",
	"github.com/prometheus/...", "google.golang.org/protobuf/...",
	"github.com/google/gopacket/...", "github.com/google/go-cmp/...", "github.com/chromedp/...",
	module + "/internal/packettest", module + "/internal/nettest", module + "/internal/browsertest", module + "/internal/memlab",
	module + "/control/rules/rulestest",
	module + "/internal/files/filestest",
}

// onlyInBench lists what director-bench links so that director does not: plots and
// their fonts, histograms, CSV, the load generator and the web servers.
var onlyInBench = []string{
	"gonum.org/...", "golang.org/x/image/...", "codeberg.org/...", "git.sr.ht/...",
	"github.com/HdrHistogram/...", "github.com/jszwec/...",
	module + "/bench/load", module + "/bench/server", module + "/bench/epoll", module + "/bench/origin",
	module + "/bench/peer", module + "/bench/testlvs", module + "/bench/paper/...",
}

func TestDirector_LinksFewPackages(t *testing.T) {
	all, foreign := linked(t, "director")
	if len(foreign) > maxLinked {
		t.Errorf("cmd/director links %d packages outside the standard library, want at most %d:\n%s",
			len(foreign), maxLinked, strings.Join(foreign, "\n"))
	}
	for _, pkg := range all {
		if matchesAny(onlyInTests, pkg) || matchesAny(onlyInBench, pkg) {
			t.Errorf("cmd/director links %s", pkg)
		}
	}
}

// TestDirectorBench_LinksWhatDirectorDoesNot also shows that the patterns of
// onlyInBench match something.
func TestDirectorBench_LinksWhatDirectorDoesNot(t *testing.T) {
	all, _ := linked(t, "director-bench")
	for _, pattern := range onlyInBench {
		found := false
		for _, pkg := range all {
			found = found || matches(pattern, pkg)
		}
		if !found {
			t.Errorf("cmd/director-bench links nothing of %s: remove the pattern", pattern)
		}
	}
	for _, pkg := range all {
		if matchesAny(onlyInTests, pkg) {
			t.Errorf("cmd/director-bench links %s", pkg)
		}
	}
}
