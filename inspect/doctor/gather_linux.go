package doctor

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/control/config"
	"director/dataplane/afxdp"
	"director/host"
	"director/host/cpu"
	"director/host/nic"
	"director/host/plan"
	"director/host/privilege"
	"director/neigh/rtnl"
	"director/service"
)

// Gather reads the facts about the host in the network namespace of the calling thread.
// Root is the directory that contains /proc and /sys; it is "/" except in tests. An error
// means that no facts can be read. If only some facts cannot be read, the Facts say why.
func Gather(c *config.Config, root string) (*Facts, error) {
	links, err := netlink.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, err
	}
	ethtool, err := nic.Open()
	if err != nil {
		return nil, err
	}
	defer ethtool.Close()
	own := *c
	f := &Facts{Config: &own, UMEM: afxdp.DefaultChunks * afxdp.ChunkSize}
	if len(c.Interfaces) == 0 {
		f.Unnamed = true
		own.Interfaces = candidates(links)
	}
	vips, prefixes := plan.VIPs(service.Keys(c.Services), c.Marks)
	for _, v := range vips {
		f.VIPs = append(f.VIPs, netip.PrefixFrom(v, v.BitLen()))
	}
	f.VIPs = append(f.VIPs, prefixes...)
	if err := plan.CheckInterfaces(c, host.Exists); err != nil {
		f.FlagErrors = append(f.FlagErrors, err.Error())
	}
	files := tree{root}
	for _, name := range own.Interfaces {
		f.Interfaces = append(f.Interfaces, gatherInterface(ethtool, files, links, name))
	}
	f.Host = gatherHost()
	f.CPU = files.cpus()
	f.decide(ethtool)
	f.Sysctls = files.sysctls(own.Interfaces)
	f.Firewall = Firewall{Legacy: strings.Fields(files.read("proc/net/ip_tables_names"))}
	f.Firewall.Ruleset, f.Firewall.Skipped = listRuleset()
	f.Network = gatherNetwork(f, ethtool)
	f.Endpoints = gatherEndpoints(c)
	f.KernelIPVS = kernelServices(files.read("proc/thread-self/net/ip_vs"))
	f.InitScript = files.initScript()
	return f, nil
}

// candidates returns the names of the NICs and of the ends of veths.
func candidates(links []netlink.Link) (names []string) {
	for _, l := range links {
		if a := l.Attrs(); l.Type() == "veth" || a.ParentDev != "" && a.EncapType == "ether" {
			names = append(names, a.Name)
		}
	}
	return names
}

// decide makes the plan of run for the interfaces that exist, and fills in its results.
func (f *Facts) decide(ethtool *nic.Control) {
	var facts plan.Facts
	var there []*Interface
	for n := range f.Interfaces {
		i := &f.Interfaces[n]
		if i.Missing != "" {
			continue
		}
		there = append(there, i)
		p := plan.Interface{Name: i.Name, MTU: i.MTU, Master: i.Master}
		p.Queues, p.QueuesErr = ethtool.Queues(i.Name)
		p.Spread, p.SpreadErr = ethtool.Spread(i.Name)
		i.Queues = p.Queues
		facts.Interfaces = append(facts.Interfaces, p)
	}
	var unknown error
	facts.Online, unknown = cpu.Online()
	if unknown == nil {
		facts.Allowed, unknown = cpu.Allowed()
	}
	p := plan.Make(f.Config, &facts)
	f.Ladder = p.Ladder
	for n, i := range there {
		i.Served, i.QueueErr = p.Interfaces[n].Queues, text(p.Interfaces[n].QueueErr)
		i.MasterErr = text(p.Interfaces[n].MasterErr)
	}
	f.CPU.Allowed, f.CPU.Assigned, f.CPU.AssignErr = facts.Allowed, p.CPUs, text(p.CPUErr)
	if unknown != nil {
		f.CPU.Assigned, f.CPU.AssignErr = nil, unknown.Error()
	}
}

func gatherHost() Host {
	h := Host{Probes: probes(), Sandbox: privilege.Offered(), KernelErr: text(host.Kernel()), PrivilegeErr: text(host.Privileges())}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		h.Release = unix.ByteSliceToString(u.Release[:])
	}
	h.IPCLock = capable(unix.CAP_IPC_LOCK)
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit) == nil {
		h.Memlock = limit.Cur
	}
	return h
}

// capable reports whether the calling thread has a capability.
func capable(bit uint) bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // version 3 is 64 bits wide: two of them
	return unix.Capget(&hdr, &data[0]) == nil && data[bit/32].Effective&(1<<(bit%32)) != 0
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// tree reads files below /proc and /sys.
type tree struct{ root string }

// read returns the content of a file, empty if it cannot be read.
func (f tree) read(path string) string {
	b, err := os.ReadFile(filepath.Join(f.root, path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// list returns the numbers in a file of the form 0-3,5.
func (f tree) list(path string) []int {
	s := f.read(path)
	if s == "" || s == "(null)" { // nohz_full, if there is none
		return nil
	}
	numbers, err := cpu.ParseList(s)
	if err != nil {
		return nil
	}
	return numbers
}

// initScript returns a link by which a boot starts Debian's init script of ipvsadm. dpkg
// keeps the script as a configuration file when the package is removed.
func (f tree) initScript() string {
	if _, err := os.Stat(filepath.Join(f.root, "etc/init.d/ipvsadm")); err != nil {
		return ""
	}
	links, _ := filepath.Glob(filepath.Join(f.root, "etc/rc[2-5].d/S[0-9][0-9]ipvsadm"))
	if len(links) == 0 {
		return ""
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(links[0], f.root), "/")
}

func (f tree) cpus() CPU {
	const dir = "sys/devices/system/cpu/"
	c := CPU{
		Online:    f.list(dir + "online"),
		Isolated:  f.list(dir + "isolated"),
		NoHz:      f.list(dir + "nohz_full"),
		Siblings:  map[int][]int{},
		HugePages: f.read("sys/kernel/mm/transparent_hugepage/enabled"),
	}
	for _, n := range c.Online {
		c.Siblings[n] = f.list(dir + "cpu" + strconv.Itoa(n) + "/topology/thread_siblings_list")
	}
	processes, _ := filepath.Glob(filepath.Join(f.root, "proc/[0-9]*/comm"))
	for _, p := range processes {
		b, err := os.ReadFile(p)
		c.IRQBalance = c.IRQBalance || err == nil && strings.TrimSpace(string(b)) == "irqbalance"
	}
	return c
}

// sysctls returns the sysctls that are checked. It leaves out those that cannot be read.
func (f tree) sysctls(interfaces []string) map[string]int {
	names := []string{"ip_forward"}
	for _, i := range append([]string{"all"}, interfaces...) {
		for _, name := range []string{"rp_filter", "forwarding", "send_redirects", "arp_ignore"} {
			names = append(names, "conf/"+i+"/"+name)
		}
	}
	values := map[string]int{}
	for _, name := range names {
		if v, err := strconv.Atoi(f.read("proc/sys/net/ipv4/" + name)); err == nil {
			values[name] = v
		}
	}
	return values
}

// listRuleset returns the output of nft, if it is installed.
func listRuleset() (ruleset []byte, skipped string) {
	nft, err := exec.LookPath("nft")
	if err != nil {
		return nil, "nft is not installed"
	}
	ruleset, err = exec.Command(nft, "-j", "list", "ruleset").Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && len(exit.Stderr) > 0:
		why, _, _ := strings.Cut(string(exit.Stderr), "\n")
		return nil, "nft -j list ruleset: " + why
	case err != nil:
		return nil, "nft -j list ruleset: " + err.Error()
	}
	return ruleset, ""
}

// gatherNetwork takes the snapshot of links, routes and neighbours that run would start
// with.
func gatherNetwork(f *Facts, ethtool *nic.Control) (n Network) {
	c := rtnl.Config{Queues: ethtool.Queues, Log: zerolog.Nop()}
	for _, i := range f.Interfaces {
		if i.Missing == "" {
			c.Interfaces = append(c.Interfaces, i.Name)
		}
	}
	if len(f.FlagErrors) == 0 {
		for _, s := range f.Config.Neighbors {
			c.Static = append(c.Static, rtnl.Static{IP: s.IP, MAC: s.MAC, Interface: s.Interface})
		}
	}
	watch, err := rtnl.Open(c)
	if err != nil {
		return Network{Err: err.Error()}
	}
	n.Snapshot, n.Unanswered = watch.Snapshot(), map[netip.Addr]bool{}
	n.Err = text(watch.Close())
	neighbors, err := netlink.NeighList(0, netlink.FAMILY_V4)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		n.Err = err.Error()
	}
	for _, e := range neighbors {
		if a, ok := netip.AddrFromSlice(e.IP); ok && e.State&(netlink.NUD_FAILED|netlink.NUD_INCOMPLETE) != 0 {
			n.Unanswered[a.Unmap()] = true
		}
	}
	return n
}
