package doctor_test

import (
	"math"
	"net/netip"
	"strings"
	"testing"

	"director/control/config"
	"director/host/plan"
	"director/host/privilege"
	"director/inspect/doctor"
	"director/neigh"
	"director/packet"
	"director/service"
)

var (
	server  = packet.AddrFrom(netip.MustParseAddr("10.0.0.11"))
	gateway = netip.MustParseAddr("10.0.0.254")
)

// fit is a host with a zero-copy NIC eth0 and another NIC eth1, which have two queues
// each. CPUs 2 and 3 are isolated and serve the queues. There is one real server with -m.
func fit() *doctor.Facts {
	mac := packet.MAC{2, 0, 0, 0, 0, 1}
	nic := func(name string, zeroCopy bool) doctor.Interface {
		return doctor.Interface{
			Name: name, Driver: "ice", Device: "pci/0000:01:00.0", MTU: 1500, Up: true, Carrier: true,
			Queues: 2, MaxQueues: 8, Served: []int{0, 1}, Native: true, ZeroCopy: zeroCopy,
			Offloads: map[string]doctor.Offload{"rx-gro": {}, "rx-vlan-hw-parse": {}},
		}
	}
	f := &doctor.Facts{
		Config: &config.Config{
			Interfaces: []string{"eth0", "eth1"}, IRQ: config.IRQPin, Sandbox: true,
			HTTP: "127.0.0.1:9464", Control: "/run/director/control.sock", State: "/var/lib/director/state",
			Services: []service.Spec{{Key: service.Key{Port: 80, Proto: packet.ProtoTCP},
				Servers: []service.ServerSpec{{Addr: server, Port: 80, Method: service.NAT}}}},
		},
		VIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.10/32")},
		Ladder: []plan.Rung{
			{Name: "AF_XDP native", Kind: plan.NativeXDP, Mode: "auto"},
			{Name: "AF_XDP generic", Kind: plan.GenericXDP, Mode: "copy"},
			{Name: "AF_PACKET", Kind: plan.Packet},
		},
		UMEM: 8 << 20,
		Host: doctor.Host{Release: "6.12.1", IPCLock: true, Memlock: 8 << 20, Sandbox: privilege.Sandbox{Seccomp: true, Landlock: 4}},
		CPU: doctor.CPU{
			Online: []int{0, 1, 2, 3}, Allowed: []int{0, 1, 2, 3}, Isolated: []int{2, 3}, Assigned: []int{2, 3},
			Siblings:  map[int][]int{0: {0}, 1: {1}, 2: {2}, 3: {3}},
			HugePages: "always [madvise] never",
		},
		Interfaces: []doctor.Interface{nic("eth0", true), nic("eth1", false)},
		Sysctls:    map[string]int{"ip_forward": 1},
		Firewall:   doctor.Firewall{Ruleset: []byte(`{"nftables": []}`)},
		Network: doctor.Network{Snapshot: neigh.Snapshot{
			Links: []neigh.Link{
				{Name: "eth0", Index: 1, Interface: 0, MAC: mac, MTU: 1500, Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}},
				{Name: "eth1", Index: 2, Interface: 1, MAC: mac, MTU: 1500, Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}},
				{Name: "mgmt", Index: 3, Interface: -1, MAC: mac, MTU: 1500, Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("172.16.0.1/24")}},
			},
			Routes: []neigh.Route{
				{Dst: netip.MustParsePrefix("192.0.2.0/24"), Link: 1},
				{Dst: netip.MustParsePrefix("10.0.0.0/24"), Link: 2},
				{Dst: netip.MustParsePrefix("172.16.0.0/24"), Link: 3},
				{Dst: netip.MustParsePrefix("10.1.0.0/24"), Link: 2, Gateway: gateway},
			},
			Neighbors: []neigh.Neighbor{
				{IP: server.Netip(), MAC: mac, Link: 2},
				{IP: gateway, MAC: mac, Link: 2},
			},
		}},
	}
	for _, name := range []string{
		doctor.ProbeBPF, doctor.ProbeXDP, doctor.ProbeAFXDP, doctor.ProbeTap, doctor.ProbeTun, doctor.ProbeTCX,
	} {
		f.Host.Probes = append(f.Host.Probes, doctor.Probe{Name: name})
	}
	for _, i := range []string{"all", "eth0", "eth1"} {
		for name, v := range map[string]int{"rp_filter": 0, "forwarding": 1, "send_redirects": 0, "arp_ignore": 1} {
			f.Sysctls["conf/"+i+"/"+name] = v
		}
	}
	return f
}

// complaint is the expected finding after a change of a fit host.
type complaint struct {
	name   string
	change func(*doctor.Facts)
	level  doctor.Level
	check  string // "CHECK" or "INTERFACE CHECK"
	detail string // a part of it
	remedy string // all of it
}

// examine checks that each change leads to its complaint.
func examine(t *testing.T, complaints []complaint) {
	t.Helper()
	for _, c := range complaints {
		f := fit()
		c.change(f)
		report := doctor.Examine(f)
		if report.Run.Starts == (c.level == doctor.Fail) {
			t.Errorf("%s: run starts: %v, want otherwise", c.name, report.Run.Starts)
		}
		var near []doctor.Finding
		found := false
		for _, g := range report.Findings {
			if strings.TrimSpace(g.Interface+" "+g.Check) == c.check {
				near = append(near, g)
				found = found || g.Level == c.level && strings.Contains(g.Detail, c.detail) && g.Remedy == c.remedy
			}
		}
		if !found {
			t.Errorf("%s: got %+v\nwant %s %s: …%s…\n%s", c.name, near, c.level, c.check, c.detail, c.remedy)
		}
	}
}

// probe makes a probe fail.
func probe(name string) func(*doctor.Facts) {
	return func(f *doctor.Facts) {
		for i := range f.Host.Probes {
			if f.Host.Probes[i].Name == name {
				f.Host.Probes[i].Err = "it broke"
			}
		}
	}
}

// only removes all other kinds of I/O from the ladder.
func only(kinds ...plan.Kind) func(*doctor.Facts) {
	return func(f *doctor.Facts) {
		var rungs []plan.Rung
		for _, r := range f.Ladder {
			for _, k := range kinds {
				if r.Kind == k {
					rungs = append(rungs, r)
				}
			}
		}
		f.Ladder = rungs
	}
}

// all makes several changes.
func all(changes ...func(*doctor.Facts)) func(*doctor.Facts) {
	return func(f *doctor.Facts) {
		for _, c := range changes {
			c(f)
		}
	}
}

func TestHost_Complaints(t *testing.T) {
	const (
		memlock = "LimitMEMLOCK=infinity in the unit file, or: prlimit --pid $$ --memlock=unlimited"
		xdpOnly = "a kernel with CONFIG_XDP_SOCKETS=y and AF_XDP in RestrictAddressFamilies=, or --io=packet"
	)
	limited := func(f *doctor.Facts) { f.Host.IPCLock = false }
	unlimited := func(f *doctor.Facts) { f.Host.Memlock = math.MaxUint64 }
	examine(t, []complaint{
		{"old kernel", func(f *doctor.Facts) {
			f.Host.KernelErr = "kernel 6.1.0 is too old, it lacks tcx programs (6.6): boot Linux 6.6 or later"
		}, doctor.Fail, "kernel", "lacks tcx programs (6.6)", "boot Linux 6.6 or later"},
		{"no privilege", func(f *doctor.Facts) { f.Host.PrivilegeErr = "no privilege: CAP_BPF missing: run as root" },
			doctor.Fail, "privileges", "no privilege: CAP_BPF missing", "run as root"},
		{"memory", limited, doctor.Warn, "memlock", "8 MiB, but AF_XDP needs 32 MiB: AF_PACKET will serve one or more interfaces", memlock},
		{"memory, AF_XDP only", all(limited, only(plan.NativeXDP)), doctor.Fail, "memlock", "needs 32 MiB", memlock},
		{"memory without limit", all(limited, unlimited), doctor.OK, "memlock", "not limited", ""},
		{"memory of AF_PACKET", all(limited, only(plan.Packet)), doctor.OK, "memlock", "locks no memory", ""},
		{"bpf", probe(doctor.ProbeBPF), doctor.Fail, "bpf", "it broke",
			"a kernel with CONFIG_BPF_SYSCALL=y, and a unit whose SystemCallFilter= allows bpf"},
		{"af_xdp", probe(doctor.ProbeAFXDP), doctor.Warn, "af_xdp", "it broke", xdpOnly},
		{"af_xdp, nothing else", all(probe(doctor.ProbeAFXDP), only(plan.NativeXDP)), doctor.Fail, "af_xdp", "it broke", xdpOnly},
		{"af_packet", probe(doctor.ProbeTap), doctor.Warn, "af_packet", "it broke", "modprobe af_packet; AF_PACKET in RestrictAddressFamilies="},
		{"af_packet, nothing else", all(probe(doctor.ProbeTap), only(plan.Packet)), doctor.Fail, "eth0 io",
			"no kind of I/O works: AF_PACKET: packet sockets do not work here", "--io=auto"},
		{"tun", probe(doctor.ProbeTun), doctor.Fail, "tun", "it broke", "modprobe tun; chmod 0666 /dev/net/tun; DeviceAllow=/dev/net/tun rw in the unit file"},
		{"tcx", probe(doctor.ProbeTCX), doctor.Fail, "tcx", "it broke", "a kernel with CONFIG_NET_XGRESS=y (Linux 6.6)"},
		{"no landlock", func(f *doctor.Facts) { f.Host.Sandbox.Landlock = 0 }, doctor.Note, "sandbox", "by Landlock here",
			"a kernel with CONFIG_SECCOMP_FILTER=y, CONFIG_SECURITY_LANDLOCK=y and landlock in lsm="},
		{"no sandbox", func(f *doctor.Facts) { f.Config.Sandbox = false }, doctor.Note, "sandbox", "--sandbox=false", "--sandbox"},
		{"http", func(f *doctor.Facts) { f.Endpoints.HTTPErr = "another program listens there: give another address" },
			doctor.Fail, "http", "127.0.0.1:9464: another program listens there", "give another address"},
		{"control", func(f *doctor.Facts) { f.Endpoints.ControlErr = "a file is there" }, doctor.Fail, "control", "control.sock: a file is there", "--control=PATH"},
		{"state", func(f *doctor.Facts) { f.Endpoints.StateErr = "open it: permission denied: give another --state" }, doctor.Fail, "state", "state: open it: permission denied",
			"give another --state"},
		{"kernel", func(f *doctor.Facts) { f.KernelIPVS = []string{"TCP 192.0.2.10:80", "FWM 1", "UDP a", "UDP b"} }, doctor.Warn, "kernel-ipvs",
			"has services: TCP 192.0.2.10:80, FWM 1, UDP a and 1 more", "docs/migration.md; ipvsadm -C with the kernel's ipvsadm, or: rmmod ip_vs"},
		{"init script", func(f *doctor.Facts) { f.InitScript = "/etc/rc2.d/S01ipvsadm" }, doctor.Warn, "ipvsadm-script",
			"/etc/rc2.d/S01ipvsadm: with AUTO=true", "update-rc.d ipvsadm disable, or: apt-get purge ipvsadm"},
		{"not tried", func(f *doctor.Facts) { f.Host.Probes[1].Skipped = "no namespace" }, doctor.Note, "xdp", "not checked: no namespace", ""},
	})
}

func TestCPU_Complaints(t *testing.T) {
	isolate := func(cpus ...int) func(*doctor.Facts) { return func(f *doctor.Facts) { f.CPU.Isolated = cpus } }
	pair := func(a, b int) func(*doctor.Facts) {
		return func(f *doctor.Facts) { f.CPU.Siblings[a], f.CPU.Siblings[b] = []int{a, b}, []int{a, b} }
	}
	leave := func(f *doctor.Facts) { f.Config.IRQ = config.IRQLeave }
	balance := func(f *doctor.Facts) { f.CPU.IRQBalance = true }
	pages := func(s string) func(*doctor.Facts) { return func(f *doctor.Facts) { f.CPU.HugePages = s } }
	examine(t, []complaint{
		{"offline", func(f *doctor.Facts) { f.CPU.AssignErr, f.CPU.Assigned = "--cpus: CPU 9 is not online, only 0-3", nil },
			doctor.Fail, "workers", "CPU 9 is not online, only 0-3", "--cpus=auto"},
		{"too short", func(f *doctor.Facts) { f.CPU.AssignErr = "--cpus: 1 CPUs for 2 workers: give 2, or auto" },
			doctor.Fail, "workers", "1 CPUs for 2 workers", "give 2, or auto"},
		{"confined", func(f *doctor.Facts) { f.CPU.Allowed = []int{1, 2, 3} }, doctor.Note, "affinity",
			"may not use CPUs 0: its affinity mask or cpuset is 1-3",
			"AllowedCPUs= and CPUAffinity= in the unit file, or: taskset -c 0-3 director run"},
		{"shared", func(f *doctor.Facts) { f.CPU.Assigned = []int{2, 2} },
			doctor.Note, "workers", "2 workers share CPUs 2", "ethtool -L eth0 combined 4"},
		{"one core", pair(2, 3), doctor.Note, "smt", "two workers run on CPUs 2 and 3, which are one core", "--cpus=0-1"},
		{"too few cores", all(pair(2, 3), func(f *doctor.Facts) { f.CPU.Allowed = []int{2, 3} }),
			doctor.Note, "smt", "are one core", ""},
		{"nothing isolated", isolate(), doctor.OK, "isolation", "no CPU is isolated", ""},
		{"others isolated", isolate(0, 1), doctor.Note, "isolation", "CPUs 0-1 are isolated, but the workers run on 2-3", "--cpus=0-1"},
		{"out of reach", func(f *doctor.Facts) { f.CPU.Allowed, f.CPU.Assigned = []int{0, 1}, []int{0, 1} },
			doctor.Note, "isolation", "outside the affinity mask 0-1",
			"CPUAffinity=0-3 in the unit file, or: taskset -c 0-3 director run; with --cpus=2-3"},
		{"nohz_full", func(f *doctor.Facts) { f.CPU.NoHz = []int{2, 3} }, doctor.Note, "nohz_full", "CPUs 2-3", ""},
		{"irqbalance, pinned", balance, doctor.Warn, "irqbalance", "will change the affinity", "systemctl stop irqbalance"},
		{"irqbalance, left", all(balance, leave), doctor.Note, "irqbalance", "may move", "systemctl stop irqbalance; then --irq=pin"},
		{"left", leave, doctor.Note, "irq", "the interrupts of the queues of eth0", "--irq=pin"},
		{"no huge pages", pages("always madvise [never]"), doctor.Warn, "hugepages", "switched off",
			"echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"},
		{"never had them", pages(""), doctor.Note, "hugepages", "does not support transparent huge pages", ""},
	})
}
