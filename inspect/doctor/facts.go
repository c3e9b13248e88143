package doctor

import (
	"net/netip"
	"slices"

	"director/control/config"
	"director/host/plan"
	"director/host/privilege"
	"director/neigh"
)

// Facts describes a host. The text of an error is empty if there was no error.
type Facts struct {
	Config  *config.Config // its Interfaces are those that were examined
	Unnamed bool           // no flag names an interface, so all candidates were examined
	VIPs    []netip.Prefix // the addresses of services, and the prefixes of marks that have one
	Ladder  []plan.Rung    // the ways of opening an interface that the flags allow, the best first
	UMEM    uint64         // bytes that AF_XDP locks for each queue

	Host       Host
	CPU        CPU
	Interfaces []Interface
	Sysctls    map[string]int // by name, such as ip_forward or conf/eth0/rp_filter, below net/ipv4
	Firewall   Firewall
	Network    Network
	FlagErrors []string // about flags that name interfaces which do not exist
	Endpoints  Endpoints
	KernelIPVS []string // the services of the kernel's own IPVS, such as TCP 192.0.2.10:80
	InitScript string   // the link by which a boot starts the package ipvsadm, if there is one
}

// Endpoints says why run could not open what clients of the director use. The text is empty
// if it could, or if the flags ask for none.
type Endpoints struct{ HTTPErr, ControlErr, StateErr string }

// Host describes the machine and the process.
type Host struct {
	Release      string // of the kernel
	KernelErr    string
	PrivilegeErr string
	IPCLock      bool              // CAP_IPC_LOCK: memory may be locked without limit
	Memlock      uint64            // RLIMIT_MEMLOCK in bytes, all bits set for no limit
	Sandbox      privilege.Sandbox // what the kernel offers to confine the director
	Probes       []Probe
}

// The names of probes.
const (
	ProbeBPF   = "bpf"
	ProbeXDP   = "xdp"
	ProbeAFXDP = "af_xdp"
	ProbeTap   = "af_packet"
	ProbeTun   = "tun"
	ProbeTCX   = "tcx"
)

// Probe is an attempt to use a feature, made where it does not disturb the host.
type Probe struct {
	Name    string
	Skipped string // why it could not be tried
	Err     string
}

// failed reports whether a probe was tried and failed.
func (h *Host) failed(name string) bool {
	return slices.ContainsFunc(h.Probes, func(p Probe) bool { return p.Name == name && p.Err != "" })
}

// CPU describes processors, interrupts and memory.
type CPU struct {
	Online, Allowed []int
	Isolated, NoHz  []int         // isolcpus= and nohz_full= of the kernel's command line
	Siblings        map[int][]int // by CPU: those that share its core
	Assigned        []int         // by worker
	AssignErr       string
	HugePages       string // the setting of transparent huge pages, as the kernel writes it
	IRQBalance      bool   // irqbalance is running
}

// Interface is one interface of the host.
type Interface struct {
	Name      string
	Missing   string // the error if it does not exist
	Driver    string
	Device    string // BUS/NAME, empty for a virtual one
	MTU       int
	Up        bool
	Carrier   bool
	Master    plan.Master // the link that it is a part of
	MasterErr string      // why it cannot be served as such a part
	ServedBy  string      // the process of another director
	Confined  bool        // that process has a seccomp filter
	Queues    int
	MaxQueues int    // 0: not known
	Served    []int  // the queues that the flags name
	QueueErr  string // why those cannot be served
	OtherXDP  bool   // a program is attached
	XDPErr    string // why the features of the driver are not known
	Native    bool   // the driver runs XDP programs and redirects to sockets
	ZeroCopy  bool
	Offloads  map[string]Offload // by the kernel's name; nil: not known
	VLANs     []string           // interfaces on top of it
	Peer      *Peer              // of a veth
}

// Offload says whether an offload is on, and whether the driver cannot change that.
type Offload struct{ On, Fixed bool }

// Peer is the other end of a veth. Name is empty if it is in another namespace.
type Peer struct {
	Name     string
	Segments bool // its host sends packets longer than the MTU (tx-tcp-segmentation)
}

// Firewall is the ruleset of nftables, as nft -j list ruleset prints it.
type Firewall struct {
	Ruleset []byte
	Skipped string   // why the ruleset is not known
	Legacy  []string // tables of the old iptables that are in use
}

// Network describes the links, routes and neighbours of the kernel.
type Network struct {
	Snapshot   neigh.Snapshot
	Err        string              // why the snapshot is not known
	Unanswered map[netip.Addr]bool // neighbours that did not answer the kernel's requests
}

// allows reports whether the flags allow a kind of I/O.
func (f *Facts) allows(kinds ...plan.Kind) bool {
	return slices.ContainsFunc(f.Ladder, func(r plan.Rung) bool { return slices.Contains(kinds, r.Kind) })
}

// sysctl returns the value of a sysctl below net/ipv4, -1 if it is not known.
func (f *Facts) sysctl(name string) int {
	if v, ok := f.Sysctls[name]; ok {
		return v
	}
	return -1
}
