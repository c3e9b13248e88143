package doctor_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"director/control/config"
	"director/control/state"
	"director/dataplane/steer"
	"director/host"
	"director/inspect/doctor"
	"director/internal/nettest"
)

// machine writes files below a new root directory, and returns the directory.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// gather returns the facts about the namespace of the calling thread.
func gather(t *testing.T, root string, flags ...string) *doctor.Facts {
	t.Helper()
	c, _, err := config.ParseDoctor(flags, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	f, err := doctor.Gather(c, root)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestGather_ReadsProcAndSysBelowItsRoot(t *testing.T) {
	n, peer := nettest.Enter(t), nettest.New(t)
	n.Wire(t, "eth0", peer, "eth0", 1)
	const cpus = "sys/devices/system/cpu/"
	f := gather(t, machine(t, map[string]string{
		cpus + "online":    "0-3\n",
		cpus + "isolated":  "2-3\n",
		cpus + "nohz_full": "(null)\n",
		cpus + "cpu0/topology/thread_siblings_list":  "0,2\n",
		"sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]\n",
		"proc/17/comm":                                    "irqbalance\n",
		"proc/net/ip_tables_names":                        "nat\nfilter\n",
		"proc/sys/net/ipv4/ip_forward":                    "1\n",
		"proc/sys/net/ipv4/conf/all/rp_filter":            "2\n",
		"proc/sys/net/ipv4/conf/eth0/send_redirects":      "0\n",
		"proc/sys/net/ipv4/conf/somebody-else/arp_ignore": "1\n",
	}), "--interface=eth0")
	got := f.CPU
	got.Allowed, got.Assigned = nil, nil // they depend on the thread
	want := doctor.CPU{
		Online: []int{0, 1, 2, 3}, Isolated: []int{2, 3}, HugePages: "always madvise [never]", IRQBalance: true,
		Siblings: map[int][]int{0: {0, 2}, 1: nil, 2: nil, 3: nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("CPU (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"ip_forward": 1, "conf/all/rp_filter": 2, "conf/eth0/send_redirects": 0}, f.Sysctls); diff != "" {
		t.Errorf("sysctls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"nat", "filter"}, f.Firewall.Legacy); diff != "" {
		t.Errorf("legacy tables (-want +got):\n%s", diff)
	}
}

func TestGather_AsksEachInterface(t *testing.T) {
	n, peer := nettest.Enter(t), nettest.New(t)
	_, far := n.Wire(t, "eth0", n, "eth1", 2) // both ends are in this namespace
	n.Wire(t, "away", peer, "eth0", 1)
	if err := n.LinkSetMTU(n.Link(t, "away"), 1400); err != nil {
		t.Fatal(err)
	}
	claim, err := host.ClaimInterfaces([]string{"away"})
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Close()
	s, err := steer.Load()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.AttachXDP(far.Index, 2, false); err != nil {
		t.Fatal(err)
	}
	f := gather(t, "/", "--interface=eth0,eth1,away,gone", "--queues=0")
	for k := range f.Interfaces {
		f.Interfaces[k].Offloads = nil // the tests of host/nic check them
	}
	const loss = "--queues: eth may receive on queue 1, which is left out, and has no indirection table to prevent it: " +
		"serve all 2 queues, or fewer after: ethtool -L eth rx N (or combined N)"
	two := doctor.Interface{Driver: "veth", MTU: 1500, Up: true, Carrier: true, Queues: 2, MaxQueues: 2, Served: []int{0}, Native: true}
	near, other, away := two, two, two
	near.Name, near.Peer = "eth0", &doctor.Peer{Name: "eth1", Segments: true}
	near.QueueErr = strings.ReplaceAll(loss, "eth ", "eth0 ")
	other.Name, other.Peer, other.OtherXDP = "eth1", &doctor.Peer{Name: "eth0"}, true
	other.QueueErr = strings.ReplaceAll(loss, "eth ", "eth1 ")
	away.Name, away.Peer, away.MTU, away.Queues, away.MaxQueues = "away", &doctor.Peer{}, 1400, 1, 1
	away.ServedBy = "this process"
	want := []doctor.Interface{near, other, away, {Name: "gone", Missing: `no such interface "gone"`}}
	f.Interfaces[3].Missing, _, _ = strings.Cut(f.Interfaces[3].Missing, " in this")
	if diff := cmp.Diff(want, f.Interfaces); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}
}

func TestGather_LooksAtEveryCandidateWhenNoneIsNamed(t *testing.T) {
	n, peer := nettest.Enter(t), nettest.New(t)
	n.Wire(t, "eth0", peer, "eth0", 1)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "br0"
	if err := n.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		t.Fatal(err)
	}
	f := gather(t, "/")
	if diff := cmp.Diff([]string{"eth0"}, f.Config.Interfaces); diff != "" || !f.Unnamed {
		t.Errorf("unnamed %v, interfaces (-want +got):\n%s", f.Unnamed, diff)
	}
}

func TestGather_KnowsRoutesAndNeighboursThatDoNotAnswer(t *testing.T) {
	n, peer := nettest.Enter(t), nettest.New(t)
	n.Wire(t, "eth0", peer, "eth0", 1)
	n.Addr(t, "eth0", "10.77.0.1/24")
	index := n.Link(t, "eth0").Attrs().Index
	quiet := &netlink.Neigh{LinkIndex: index, IP: []byte{10, 77, 0, 9}, State: netlink.NUD_FAILED}
	if err := n.NeighAdd(quiet); err != nil {
		t.Fatal(err)
	}
	f := gather(t, "/", "--interface=eth0", "--neighbor=10.77.0.8=02:00:00:00:00:08@eth0")
	if f.Network.Err != "" || !f.Network.Unanswered[netip.MustParseAddr("10.77.0.9")] {
		t.Errorf("%q, unanswered %v; want 10.77.0.9", f.Network.Err, f.Network.Unanswered)
	}
	link, ok := f.Network.Snapshot.Egress(netip.MustParseAddr("10.77.0.9"))
	if !ok || link.Name != "eth0" || link.Interface != 0 || len(f.Network.Snapshot.Neighbors) != 1 {
		t.Errorf("egress %+v, %v, neighbours %v; want eth0 as the first interface and the one of the flag",
			link, ok, f.Network.Snapshot.Neighbors)
	}
}

// TestGather_TriesEverythingElsewhere checks that all probes succeed on the host of the
// tests, and that they leave nothing behind.
func TestGather_TriesEverythingElsewhere(t *testing.T) {
	n, peer := nettest.Enter(t), nettest.New(t)
	n.Wire(t, "eth0", peer, "eth0", 1)
	before, err := n.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	f := gather(t, "/", "--interface=eth0")
	for _, p := range f.Host.Probes {
		if p.Err != "" || p.Skipped != "" {
			t.Errorf("%+v, want it to work", p)
		}
	}
	if len(f.Host.Probes) != 6 {
		t.Errorf("%d probes, want 6", len(f.Host.Probes))
	}
	after, err := n.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before) {
		t.Errorf("%d interfaces before, %d after", len(before), len(after))
	}
}

// The file is that of a kernel with services of each kind.
func TestGather_ReadsTheServicesOfTheKernel(t *testing.T) {
	nettest.Enter(t)
	f := gather(t, machine(t, map[string]string{"proc/thread-self/net/ip_vs": `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C000020A:0050 wlc persistent 300 FFFFFFFF
  -> 0A00000B:1F90      Masq    1      0          0
UDP  [2001:0db8:0000:0000:0000:0000:0000:000a]:0035 rr
FWM  0000002A rr
`}), "--interface=lo")
	want := []string{"TCP 192.0.2.10:80", "UDP [2001:db8::a]:53", "FWM 42"}
	if diff := cmp.Diff(want, f.KernelIPVS); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if f.InitScript != "" {
		t.Errorf("an init script of ipvsadm: %s, want none", f.InitScript)
	}
	root := machine(t, map[string]string{"etc/init.d/ipvsadm": "#!/bin/sh", "etc/rc3.d/S01ipvsadm": "#!/bin/sh", "etc/rc0.d/K01ipvsadm": "#!/bin/sh"})
	if got := gather(t, root, "--interface=lo").InitScript; got != "/etc/rc3.d/S01ipvsadm" {
		t.Errorf("the init script is started by %q", got)
	}
	if got := gather(t, "/", "--interface=lo").KernelIPVS; got != nil {
		t.Errorf("a new namespace has %v", got)
	}
}

// What run could not open is found, and what it could open is free again.
func TestGather_TriesWhatRunOpens(t *testing.T) {
	nettest.Enter(t)
	l, err := host.ListenTCP("127.0.0.1:9464")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	flags := []string{"--interface=lo", "--state=" + dir + "/state", "--control=" + dir + "/run/control.sock"}
	e := gather(t, "/", flags...).Endpoints
	if !strings.HasPrefix(e.HTTPErr, "another program listens there: ") || e.StateErr+e.ControlErr != "" {
		t.Errorf("%+v, want a busy port alone", e)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if e := gather(t, "/", flags...).Endpoints; e.HTTPErr != "" {
			t.Errorf("a free port: %s", e.HTTPErr)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, left behind: %v", err, left)
	}
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	running, err := state.OpenFiles(dir + "/state")
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	lock, err := running.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if e := gather(t, "/", flags...).Endpoints; !strings.Contains(e.StateErr, "in use by process") {
		t.Errorf("%+v, want that a director uses the state", e)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	anothers := dir + "/another's"
	if err := errors.Join(os.Mkdir(anothers, 0o750), os.Chown(anothers, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	if e := gather(t, "/", "--interface=lo", "--state="+anothers+"/state").Endpoints; !strings.Contains(e.StateErr, "the directory "+anothers+" belongs to user 65534") {
		t.Errorf("%+v, want that the directory is another user's", e)
	}
	e = gather(t, "/", "--interface=lo", "--state="+dir+"/no/state", "--control="+dir+"/file", "--http=").Endpoints
	if e.StateErr == "" || !strings.HasPrefix(e.ControlErr, "there is a file that is not a socket") || e.HTTPErr != "" {
		t.Errorf("%+v, want no directory, a file in place of the socket, and nothing of a listener that nobody wants", e)
	}
}
