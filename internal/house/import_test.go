package house

import (
	"strings"
	"testing"
)

// mayImport lists which package may import which packages of this module, from the bottom
// up. "x/..." means x and everything below it. The first row that matches a package applies
// to it. Every package must have a row. Tests may import any package.
var mayImport = []struct {
	pkg  string
	may  []string
	pure bool // uses neither the host nor the network, and logs nothing
}{
	{"packet", nil, true},
	{"dataplane/sysctl", nil, true},
	{"internal/arena", nil, false},
	{"internal/ordered", nil, false},
	{"internal/ranges", nil, true},
	{"internal/packettest", []string{"packet"}, false},
	{"internal/namespace", nil, false},
	{"internal/nettest", []string{"packet", "internal/namespace"}, false},
	{"internal/browsertest", nil, false},
	{"internal/fields", nil, false},
	{"internal/files", nil, false},
	{"internal/files/filestest", []string{"internal/files"}, false},
	{"internal/connlimit", nil, false},
	{"internal/ifaddr", nil, false},
	{"internal/build", nil, true},
	{"internal/memlab", []string{"packet", "dataplane/sysctl", "conntrack", "neigh", "service", "dataplane", "dataplane/memport", "control"}, false},
	{"sched", []string{"packet"}, true},
	{"nat", []string{"packet"}, true},
	{"dataplane/answer", []string{"packet"}, true},
	{"neigh", []string{"packet"}, true},
	{"dataplane/fragment", []string{"packet"}, true},
	{"conntrack", []string{"packet", "internal/arena", "internal/ordered"}, true},
	{"service", []string{"packet", "sched", "internal/ordered"}, true},
	{"dataplane/app/...", []string{"packet"}, true},
	{"dataplane", []string{"packet", "internal/ordered", "dataplane/answer", "dataplane/app/...", "dataplane/fragment", "dataplane/sysctl", "sched", "conntrack", "nat", "neigh", "service"}, true},
	{"dataplane/...", []string{"packet", "internal/arena", "dataplane/..."}, false},
	{"neigh/...", []string{"packet", "neigh/...", "internal/ifaddr"}, false},
	{"host/plan", []string{"packet", "service", "control/config", "host", "host/cpu"}, true},
	{"host/...", []string{"packet", "host/...", "internal/ifaddr", "internal/ranges"}, false},
	{"control", []string{"packet", "dataplane/sysctl", "sched", "conntrack", "neigh", "service", "dataplane", "control/rules"}, false},
	{"view/figures", nil, true},
	{"control/api", []string{"packet", "dataplane/sysctl", "sched", "service", "control", "control/rules", "view/figures", "internal/connlimit", "internal/files"}, false},
	{"daemon", []string{"control/api", "inspect/capture", "control/config", "conntrack", "control/...", "dataplane/...", "view/figures", "host/...", "view/metrics", "neigh/...", "packet", "view/page", "sched", "service", "control/state", "dataplane/sysctl", "view/web", "inspect/why", "internal/files", "internal/build"}, false},
	{"docs", nil, true},
	{"view/page", []string{"packet", "sched", "service", "control", "view/figures", "docs"}, false},
	{"view/metrics", []string{"packet", "service", "control", "view/figures"}, false},
	{"view/web", []string{"internal/connlimit"}, false},
	{"inspect/doctor", []string{"packet", "neigh/...", "service", "dataplane/...", "control", "control/api", "control/config", "control/state", "host/...", "internal/files", "internal/ranges"}, false},
	{"control/state", []string{"packet", "dataplane/app/ftp", "service", "conntrack", "dataplane", "control/journal", "internal/files"}, false},
	{"control/journal", []string{"control", "internal/files"}, false},
	{"control/rules", []string{"packet", "sched", "service"}, true},
	{"control/rules/rulestest", []string{"packet"}, false},
	{"control/names", []string{"packet"}, false},
	{"control/config", []string{"packet", "dataplane/sysctl", "service", "control/rules", "control/names", "internal/files", "internal/ranges"}, false},
	{"control/ipvsadm", []string{"packet", "service", "control", "control/rules", "control/names"}, false},
	{"internal/lab/...", []string{"packet", "service", "internal/lab/...", "internal/namespace"}, false},
	{"bench/micro", []string{"bench/figure", "bench/machine", "packet", "dataplane/sysctl", "conntrack", "nat", "neigh", "service", "dataplane", "dataplane/memport", "control", "internal/arena"}, false},
	{"bench/lab", []string{"bench/figure", "bench/machine", "packet", "dataplane/poller", "host/cpu", "internal/lab/...", "internal/ranges"}, false},
	{"bench/peer", []string{"internal/lab/..."}, false},
	{"bench/origin", []string{"bench/server", "internal/lab/..."}, false},
	{"bench/scale", []string{"packet", "service", "control/api", "inspect/capture", "bench/figure", "internal/lab/..."}, false},
	{"bench/testlvs", nil, false},
	{"bench/paper/report", []string{"bench/figure", "bench/paper"}, false},
	{"bench/paper/bed", []string{"control/api", "bench/fetch", "bench/load", "bench/machine", "bench/micro", "bench/origin", "bench/paper", "bench/peer", "bench/testlvs", "view/figures", "host/cpu", "internal/lab/...", "internal/ranges", "service"}, false},
	{"bench/load", []string{"bench/epoll", "bench/fetch", "host/cpu"}, false},
	{"bench/...", []string{"packet", "bench/..."}, false},
	{"inspect/pcap", nil, false},
	{"inspect/capture", []string{"packet", "service", "dataplane", "inspect/pcap"}, false},
	{"inspect/replay", []string{"packet", "dataplane/sysctl", "conntrack", "neigh", "service", "dataplane", "dataplane/memport", "control/...", "control/config", "inspect/pcap"}, false},
	{"view/top", []string{"packet", "service", "control", "view/figures"}, false},
	{"inspect/why", []string{"packet", "sched", "conntrack", "neigh", "service", "dataplane", "dataplane/memport", "control", "control/config", "inspect/replay", "inspect/pcap"}, false},
	{"internal/house/...", nil, false},
	{"internal/cli", []string{"host/...", "internal/build"}, false},
	{"packaging/...", []string{"internal/cli"}, false},
	{"cmd/director", []string{"..."}, false},
	{"cmd/director-bench", []string{"..."}, false},
}

// impure lists the trees of packages that a pure package must not import. net/netip is
// allowed, because it only computes.
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
