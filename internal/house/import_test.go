package house

import (
	"os/exec"
	"strings"
	"testing"
)

// mayImport is the direction of imports inside the module, from the bottom up.
// "x/..." is x and everything below it. The first row that matches a package
// holds for it; a package without a row must not exist. Tests may import what
// they like.
var mayImport = []struct {
	pkg  string
	may  []string
	pure bool // asks neither the host nor the network, and logs nothing
}{
	{"packet", nil, true},
	{"sysctl", nil, true},
	{"internal/arena", nil, false},
	{"internal/ordered", nil, false},
	{"internal/ranges", nil, true},
	{"internal/packettest", []string{"packet"}, false},
	{"internal/nettest", []string{"packet"}, false},
	{"internal/browsertest", nil, false},
	{"internal/memlab", []string{"packet", "sysctl", "conntrack", "neigh", "service", "dataplane", "dataplane/memport", "control"}, false},
	{"sched", []string{"packet"}, true},
	{"nat", []string{"packet"}, true},
	{"answer", []string{"packet"}, true},
	{"neigh", []string{"packet"}, true},
	{"fragment", []string{"packet"}, true},
	{"conntrack", []string{"packet", "internal/arena", "internal/ordered"}, true},
	{"service", []string{"packet", "sched", "sysctl", "internal/ordered"}, true},
	{"app/...", []string{"packet"}, true},
	{"dataplane", []string{"packet", "internal/ordered", "answer", "app/...", "fragment", "sysctl", "sched", "conntrack", "nat", "neigh", "service"}, true},
	{"dataplane/...", []string{"packet", "dataplane/..."}, false},
	{"neigh/...", []string{"packet", "neigh/..."}, false},
	{"host/...", []string{"packet", "host/...", "internal/ranges"}, false},
	{"control", []string{"packet", "sysctl", "sched", "conntrack", "neigh", "service", "dataplane"}, false},
	{"control/...", []string{"packet", "sysctl", "sched", "service", "control/..."}, false},
	{"figures", nil, true},
	{"api", []string{"packet", "sysctl", "sched", "service", "control/...", "figures"}, false},
	{"daemon", []string{"api", "capture", "config", "conntrack", "control/...", "dataplane/...", "figures", "host/...", "metrics", "neigh/...", "packet", "page", "sched", "service", "state", "sysctl", "web", "why"}, false},
	{"docs", nil, true},
	{"page", []string{"packet", "sched", "service", "control", "figures", "docs"}, false},
	{"metrics", []string{"packet", "service", "control", "figures"}, false},
	{"web", nil, false},
	{"doctor", []string{"packet", "neigh/...", "service", "dataplane/...", "control", "config", "host/...", "daemon", "internal/ranges"}, false},
	{"state", []string{"packet", "app/ftp", "service", "conntrack", "dataplane"}, false},
	{"config", []string{"packet", "sysctl", "service", "control/...", "internal/ranges"}, false},
	{"internal/lab/...", []string{"packet", "service", "internal/lab/..."}, false},
	{"bench/micro", []string{"bench/figure", "bench/machine", "packet", "sysctl", "conntrack", "nat", "neigh", "service", "dataplane", "dataplane/memport", "control", "internal/arena"}, false},
	{"bench/lab", []string{"bench/figure", "bench/machine", "packet", "dataplane", "dataplane/afxdp", "dataplane/poller", "host/cpu", "internal/lab/...", "internal/ranges"}, false},
	{"bench/peer", []string{"internal/lab/..."}, false},
	{"bench/origin", []string{"bench/server", "internal/lab/..."}, false},
	{"bench/testlvs", nil, false},
	{"bench/paper/report", []string{"bench/figure", "bench/paper"}, false},
	{"bench/paper/bed", []string{"api", "bench/load", "bench/machine", "bench/micro", "bench/origin", "bench/paper", "bench/peer", "bench/testlvs", "figures", "host/cpu", "internal/lab/...", "internal/ranges", "service"}, false},
	{"bench/load", []string{"bench/epoll", "host/cpu"}, false},
	{"bench/...", []string{"packet", "bench/..."}, false},
	{"replay/pcap", nil, false},
	{"capture", []string{"packet", "service", "dataplane", "replay/pcap"}, false},
	{"replay", []string{"packet", "sysctl", "conntrack", "neigh", "service", "dataplane", "dataplane/memport", "control/...", "config", "replay/pcap"}, false},
	{"top", []string{"packet", "service", "control", "figures"}, false},
	{"why", []string{"packet", "sched", "conntrack", "neigh", "service", "dataplane", "dataplane/memport", "control", "config", "replay", "replay/pcap"}, false},
	{"internal/house/...", nil, false},
	{"packaging/...", nil, false},
	{"cmd/director", []string{"..."}, false},
}

// impure is what a pure package must not import, whole trees each; net/netip is
// arithmetic and allowed.
var impure = []string{
	"net", "os", "syscall", "golang.org/x/sys", "github.com/rs/zerolog", "github.com/google/gopacket",
	"github.com/vishvananda/netlink", "github.com/cilium/ebpf",
}

func TestImports_PointOneWay(t *testing.T) {
	for _, f := range files(t) {
		if f.test {
			continue
		}
		rule := -1
		for i, r := range mayImport {
			if matches(r.pkg, f.dir()) {
				rule = i
				break
			}
		}
		if rule < 0 {
			t.Errorf("%s: package %s has no row in mayImport", f.path, f.dir())
			continue
		}
		for _, i := range f.imports {
			if ours, ok := strings.CutPrefix(i, module+"/"); ok && !matchesAny(mayImport[rule].may, ours) {
				t.Errorf("%s imports %s: want one of %v", f.path, ours, mayImport[rule].may)
			}
			if mayImport[rule].pure && isImpure(i) {
				t.Errorf("%s imports %s: %s must run without a host", f.path, i, mayImport[rule].pkg)
			}
		}
	}
}

func matchesAny(patterns []string, pkg string) bool {
	for _, p := range patterns {
		if matches(p, pkg) {
			return true
		}
	}
	return false
}

func matches(pattern, pkg string) bool {
	tree, isTree := strings.CutSuffix(pattern, "...")
	if !isTree {
		return pattern == pkg
	}
	return strings.HasPrefix(pkg+"/", tree)
}

func isImpure(pkg string) bool {
	return pkg != "net/netip" && matchesAny(trees(impure), pkg)
}

func trees(roots []string) (patterns []string) {
	for _, r := range roots {
		patterns = append(patterns, r+"/...")
	}
	return patterns
}

func TestIsImpure_KnowsTheTrees(t *testing.T) {
	for pkg, want := range map[string]bool{
		"net": true, "net/http": true, "os": true, "os/exec": true, "syscall": true,
		"golang.org/x/sys/unix": true, "github.com/cilium/ebpf/link": true,
		"net/netip": false, "math/bits": false, "osmosis": false, "sync/atomic": false,
	} {
		if got := isImpure(pkg); got != want {
			t.Errorf("isImpure(%q) = %v, want %v", pkg, got, want)
		}
	}
}

// The binary that forwards carries nothing that only tests need.
func TestDaemon_LinksNoTestCode(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"/cmd/director").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		for _, bad := range []string{
			"testing", "github.com/google/gopacket/...", "github.com/google/go-cmp/...", "github.com/chromedp/...",
			module + "/internal/packettest", module + "/internal/nettest", module + "/internal/browsertest", module + "/internal/memlab",
		} {
			if matches(bad, pkg) {
				t.Errorf("cmd/director links %s", pkg)
			}
		}
	}
}
