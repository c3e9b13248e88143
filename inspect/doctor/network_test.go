package doctor_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/host/plan"
	"director/inspect/doctor"
	"director/packet"
	"director/service"
)

// eth0 changes the first interface.
func eth0(change func(*doctor.Interface)) func(*doctor.Facts) {
	return func(f *doctor.Facts) { change(&f.Interfaces[0]) }
}

func TestInterface_Complaints(t *testing.T) {
	other := eth0(func(i *doctor.Interface) { i.OtherXDP = true })
	generic := eth0(func(i *doctor.Interface) { i.Native, i.ZeroCopy = false, false })
	on := func(name string, fixed bool) func(*doctor.Facts) {
		return eth0(func(i *doctor.Interface) { i.Offloads[name] = doctor.Offload{On: true, Fixed: fixed} })
	}
	veth := func(p doctor.Peer) func(*doctor.Facts) { return eth0(func(i *doctor.Interface) { i.Peer = &p }) }
	queues := func(text string) func(*doctor.Facts) {
		return eth0(func(i *doctor.Interface) { i.QueueErr = text })
	}
	const stop = "stop its owner (bpftool net show dev eth0), or: ip link set dev eth0 xdp off"
	examine(t, []complaint{
		{"none there", func(f *doctor.Facts) { f.Interfaces = nil }, doctor.Note, "interfaces", "has no NIC and no veth", "--interface=NAME"},
		{"none named", func(f *doctor.Facts) { f.Unnamed = true }, doctor.Note, "interfaces", "no flag names an interface", "--interface=eth0,eth1"},
		{"missing", eth0(func(i *doctor.Interface) { i.Missing = `no such interface "eth0"` }),
			doctor.Fail, "eth0 exists", "no such interface", "ip link show"},
		{"down", eth0(func(i *doctor.Interface) { i.Up = false }), doctor.Warn, "eth0 link", "ice, pci/0000:01:00.0: down", "ip link set dev eth0 up"},
		{"no carrier", eth0(func(i *doctor.Interface) { i.Carrier = false }), doctor.Warn, "eth0 link", "without carrier", ""},
		{"jumbo frames", eth0(func(i *doctor.Interface) { i.MTU = 1759 }), doctor.Fail, "eth0 mtu", "1759, but the director carries packets of at most 1758 bytes",
			"ip link set dev eth0 mtu 1500"},
		{"served", eth0(func(i *doctor.Interface) { i.ServedBy, i.OtherXDP = "process 7 (director)", true }),
			doctor.Fail, "eth0 owner", "already served by process 7 (director)", "systemctl stop director, or stop that process"},
		{"another program", other, doctor.Warn, "eth0 xdp", "another XDP program is attached", stop},
		{"another program, AF_XDP only", all(other, only(plan.NativeXDP, plan.GenericXDP)), doctor.Fail, "eth0 xdp", "another", stop},
		{"another program, AF_PACKET", all(other, only(plan.Packet)), doctor.Note, "eth0 xdp", "another", stop},
		{"not known", eth0(func(i *doctor.Interface) { i.XDPErr = "no family netdev" }), doctor.Note, "eth0 xdp", "not checked: no family netdev", ""},
		{"no native XDP", generic, doctor.Note, "eth0 xdp", "generic only: the driver ice does not support native XDP", ""},
		{"veth with fewer queues", all(generic, veth(doctor.Peer{Name: "p"})), doctor.Note, "eth0 xdp", "generic only",
			"a veth with at least as many receive queues as its peer has transmit queues"},
		{"RSS elsewhere", queues("--queues: RSS of eth0 spreads frames to queue 1, which is left out: ethtool -X eth0 start 0 equal 1"),
			doctor.Fail, "eth0 queues", "RSS of eth0 spreads frames to queue 1", "ethtool -X eth0 start 0 equal 1"},
		{"no such queue", queues("--queues: eth0 has no queue 2, only 0 to 1"), doctor.Fail, "eth0 queues", "no queue 2", "--queues=all"},
		{"idle queues", eth0(func(i *doctor.Interface) { i.Queues, i.Served = 1, []int{0} }), doctor.Note, "eth0 queues", "the NIC supports 8",
			"ethtool -L eth0 combined 4"},
		{"some served", eth0(func(i *doctor.Interface) { i.Served = []int{1} }), doctor.OK, "eth0 queues", "1 of 2 served; RSS uses only these", ""},
		{"gro", on("rx-gro", false), doctor.Note, "eth0 gro", "on: harmless in native mode", "ethtool -K eth0 gro off"},
		{"gro, generic", all(generic, on("rx-gro", false)), doctor.Warn, "eth0 gro", "does not fit", "ethtool -K eth0 gro off"},
		{"gro, AF_PACKET", all(only(plan.Packet), on("rx-gro", false)), doctor.OK, "eth0 offloads", "AF_PACKET works with all of them", ""},
		{"lro", on("rx-lro", false), doctor.Warn, "eth0 lro", "the NIC merges packets", "ethtool -K eth0 lro off"},
		{"rx-gro-hw for good", on("rx-gro-hw", true), doctor.Warn, "eth0 rx-gro-hw", "the NIC merges packets",
			"--io=packet (the driver cannot switch it off)"},
		{"offloads not known", eth0(func(i *doctor.Interface) { i.Offloads = nil }), doctor.Note, "eth0 offloads", "not checked", ""},
		{"rxvlan", on("rx-vlan-hw-parse", false), doctor.Note, "eth0 rxvlan", "without its VLAN tag", "ethtool -K eth0 rxvlan off"},
		{"rxvlan for good", on("rx-vlan-hw-parse", true), doctor.Note, "eth0 rxvlan", "without its VLAN tag", ""},
		{"rxvlan and a VLAN", all(on("rx-vlan-hw-parse", false), eth0(func(i *doctor.Interface) { i.VLANs = []string{"eth0.7"} })),
			doctor.Warn, "eth0 rxvlan", "frames for eth0.7", "ethtool -K eth0 rxvlan off"},
		{"veth", veth(doctor.Peer{}), doctor.OK, "eth0 peer", "the director completes checksums", ""},
		{"peer elsewhere, generic", all(generic, veth(doctor.Peer{})), doctor.Note, "eth0 peer", "in another network namespace", "there: ethtool -K PEER tso off"},
		{"peer, generic", all(generic, veth(doctor.Peer{Name: "p0", Segments: true})), doctor.Warn, "eth0 peer", "p0 has segmentation offload on", "ethtool -K p0 tso off"},
		{"quiet peer, generic", all(generic, veth(doctor.Peer{Name: "p0"})), doctor.OK, "eth0 peer", "p0 sends no packet longer than the MTU", ""},
	})
}

func TestChoice_Complaints(t *testing.T) {
	generic := eth0(func(i *doctor.Interface) { i.Native, i.ZeroCopy = false, false })
	zeroCopy := func(f *doctor.Facts) {
		f.Ladder = []plan.Rung{{Name: "AF_XDP native", Kind: plan.NativeXDP, Mode: "zero-copy"}}
	}
	examine(t, []complaint{
		{"generic", generic, doctor.Note, "eth0 io", "by AF_XDP generic, copy (not AF_XDP native: the driver does not support native XDP)", ""},
		{"no AF_XDP", probe(doctor.ProbeAFXDP), doctor.Note, "eth1 io",
			"by AF_PACKET (not AF_XDP native: AF_XDP does not work here; not AF_XDP generic: AF_XDP does not work here)", ""},
		{"memory", func(f *doctor.Facts) { f.Host.IPCLock = false }, doctor.Note, "eth0 io", "by AF_PACKET (not AF_XDP native: too little locked memory", ""},
		{"memory for the second", func(f *doctor.Facts) {
			f.Host.IPCLock, f.Interfaces[1].Served = false, []int{0}
		}, doctor.OK, "eth1 io", "queues 0 by AF_XDP native, copy", ""},
		{"no zero-copy", zeroCopy, doctor.Fail, "eth1 io", "AF_XDP native: the driver does not support zero-copy", "--io=auto"},
		{"joined for good", eth0(func(i *doctor.Interface) { i.Offloads["rx-gro-hw"] = doctor.Offload{On: true, Fixed: true} }),
			doctor.Note, "eth0 io", "by AF_XDP generic, copy (not AF_XDP native: the driver cannot switch rx-gro-hw off)", ""},
		{"not known", eth0(func(i *doctor.Interface) { i.XDPErr, i.Native = "no family", false }),
			doctor.Note, "eth0 io", "queues 0-1 by AF_XDP native, zero-copy, if the driver supports it", ""},
		{"copy asked for", func(f *doctor.Facts) { f.Ladder[0].Mode = "copy" }, doctor.OK, "eth0 io", "by AF_XDP native, copy", ""},
		{"a flag", func(f *doctor.Facts) { f.FlagErrors = []string{"--neighbor 10.0.0.1: no such interface"} },
			doctor.Fail, "flags", "--neighbor 10.0.0.1", "ip link show"},
	})
}

func TestNetwork_Complaints(t *testing.T) {
	sysctl := func(name string, v int) func(*doctor.Facts) { return func(f *doctor.Facts) { f.Sysctls[name] = v } }
	direct := func(f *doctor.Facts) { f.Config.Services[0].Servers[0].Method = service.DR }
	oneInterface := func(f *doctor.Facts) { f.Interfaces = f.Interfaces[:1] }
	unknown := func(f *doctor.Facts) { f.Sysctls = nil }
	examine(t, []complaint{
		{"no forwarding", sysctl("ip_forward", 0), doctor.Warn, "ip_forward", "does not forward their own traffic", "sysctl -w net.ipv4.ip_forward=1"},
		{"no forwarding, no NAT", all(sysctl("ip_forward", 0), direct), doctor.Note, "ip_forward", "NAT (-m) needs it", "sysctl -w net.ipv4.ip_forward=1"},
		{"no forwarding from one", sysctl("conf/eth1/forwarding", 0), doctor.Warn, "ip_forward", "packets that arrive on eth1",
			"sysctl -w net.ipv4.conf.eth1.forwarding=1"},
		{"strict", sysctl("conf/eth0/rp_filter", 1), doctor.Note, "eth0 rp_filter", "strict", "sysctl -w net.ipv4.conf.eth0.rp_filter=2"},
		{"strict everywhere", sysctl("conf/all/rp_filter", 1), doctor.Note, "eth1 rp_filter", "strict", "sysctl -w net.ipv4.conf.eth1.rp_filter=2"},
		{"loose wins", all(sysctl("conf/all/rp_filter", 1), sysctl("conf/eth0/rp_filter", 2)), doctor.OK, "eth0 rp_filter", "2", ""},
		{"redirects", all(oneInterface, sysctl("conf/all/send_redirects", 1)), doctor.Warn, "eth0 send_redirects", "bypass the director",
			"sysctl -w net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0"},
		{"redirects, two interfaces", sysctl("conf/all/send_redirects", 1), doctor.OK, "eth0 send_redirects", "1", ""},
		{"silent", sysctl("conf/eth0/arp_ignore", 2), doctor.Warn, "eth0 arp_ignore", "does not answer ARP requests for VIPs",
			"sysctl -w net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.eth0.arp_ignore=0"},
		{"talkative", all(sysctl("conf/all/arp_ignore", 0), sysctl("conf/eth0/arp_ignore", 0)), doctor.Note, "eth0 arp_ignore",
			"addresses of other interfaces", "sysctl -w net.ipv4.conf.eth0.arp_ignore=1"},
		{"ip_forward not known", unknown, doctor.Note, "ip_forward", "not checked", ""},
		{"rp_filter not known", unknown, doctor.Note, "eth0 rp_filter", "not checked", ""},
		{"send_redirects not known", unknown, doctor.Note, "eth0 send_redirects", "not checked", ""},
		{"arp_ignore not known", unknown, doctor.Note, "eth0 arp_ignore", "not checked", ""},
	})
}

func TestServers_Complaints(t *testing.T) {
	at := func(ip string, m service.Method) func(*doctor.Facts) {
		return func(f *doctor.Facts) {
			f.Config.Services[0].Servers = []service.ServerSpec{{Addr: packet.AddrFrom(netip.MustParseAddr(ip)), Method: m}}
		}
	}
	behind := func(ips ...string) func(*doctor.Facts) {
		return func(f *doctor.Facts) {
			f.Config.Services[0].Servers = nil
			for _, ip := range ips {
				f.Config.Services[0].Servers = append(f.Config.Services[0].Servers, service.ServerSpec{Addr: packet.AddrFrom(netip.MustParseAddr(ip)), Method: service.NAT})
			}
		}
	}
	silent := func(f *doctor.Facts) { f.Network.Snapshot.Neighbors = nil }
	failed := func(ip string) func(*doctor.Facts) {
		return func(f *doctor.Facts) { f.Network.Unanswered = map[netip.Addr]bool{netip.MustParseAddr(ip): true} }
	}
	examine(t, []complaint{
		{"no rules", func(f *doctor.Facts) { f.Config.Services = nil }, doctor.Note, "rules", "no service", "--flagfile=FILE"},
		{"a mark without flag", func(f *doctor.Facts) { f.Config.Services = []service.Spec{{Key: service.Key{Mark: 7}}} },
			doctor.Warn, "fwmark", "no --fwmark defines mark 7", "--fwmark"},
		{"not known", func(f *doctor.Facts) { f.Network.Err = "netlink broke" }, doctor.Note, "routes", "not checked: netlink broke", ""},
		{"not served", at("172.16.0.9", service.NAT), doctor.Fail, "routes", "172.16.0.9 is reached through mgmt", "add it to --interface"},
		{"this host", at("10.0.0.1", service.NAT), doctor.Fail, "routes", "is an address of this host", "only the method -g can forward to it"},
		{"no route", at("203.0.113.1", service.NAT), doctor.Warn, "routes", "no route to real server 203.0.113.1", "ip route add 203.0.113.1 via GATEWAY"},
		{"link down", func(f *doctor.Facts) { f.Network.Snapshot.Links[1].Up = false }, doctor.Warn, "routes", "the link to real server 10.0.0.11 is down", ""},
		{"no answer", all(silent, failed("10.0.0.11")), doctor.Warn, "neighbor", "10.0.0.11, the next hop of real server 10.0.0.11, does not answer",
			"ping -c 1 10.0.0.11; ip neigh show 10.0.0.11"},
		{"gateway's answer", all(at("10.1.0.5", service.NAT), silent, failed("10.0.0.254")), doctor.Warn, "neighbor",
			"10.0.0.254, the next hop of real server 10.1.0.5", "ping -c 1 10.0.0.254; ip neigh show 10.0.0.254"},
		{"the answer of a gateway of many", all(behind("10.1.0.5", "10.1.0.6", "10.1.0.7", "10.1.0.8", "10.1.0.9"), silent, failed("10.0.0.254")), doctor.Warn, "neighbor",
			"10.0.0.254, the next hop of real servers 10.1.0.5, 10.1.0.6, 10.1.0.7 and 2 more, does not answer", "ping -c 1 10.0.0.254; ip neigh show 10.0.0.254"},
		{"no route to several", behind("203.0.113.1", "203.0.113.2"), doctor.Warn, "routes", "no route to real servers 203.0.113.1, 203.0.113.2", "ip route add 203.0.113.1 via GATEWAY"},
		{"a gateway's answer", failed("10.0.0.254"), doctor.Warn, "gateway", "the gateway 10.0.0.254 on eth1 does not answer",
			"ping -c 1 10.0.0.254; ip neigh show 10.0.0.254"},
		{"not asked yet", silent, doctor.Note, "neighbor", "is not resolved yet", "ping -c 1 10.0.0.11; ip neigh show 10.0.0.11"},
		{"direct routing by a router", at("10.1.0.5", service.DR), doctor.Warn, "routes", "is behind the gateway 10.0.0.254", "use -i or -m in its rule"},
		{"answers for the VIP", at("10.0.0.11", service.DR), doctor.Note, "arp", "must not answer ARP",
			"on the real servers: sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"},
	})
}

// Of one next hop that does not answer there is one finding, although it is the next hop of
// several servers, one of them by two methods, and the gateway of a route.
func TestServers_SayOnceWhatIsWrongWithANeighbour(t *testing.T) {
	f := fit()
	servers := &f.Config.Services[0].Servers
	*servers = nil
	for _, ip := range []string{"10.1.0.5", "10.1.0.6"} {
		for _, m := range []service.Method{service.NAT, service.TUN} {
			*servers = append(*servers, service.ServerSpec{Addr: packet.AddrFrom(netip.MustParseAddr(ip)), Method: m})
		}
	}
	f.Network.Snapshot.Neighbors = nil
	f.Network.Unanswered = map[netip.Addr]bool{gateway: true}
	var about []string
	for _, g := range doctor.Examine(f).Findings {
		if strings.Contains(g.Detail, gateway.String()) {
			about = append(about, g.Check+": "+g.Detail)
		}
	}
	want := []string{"neighbor: 10.0.0.254, the next hop of real servers 10.1.0.5, 10.1.0.6, does not answer ARP requests"}
	if diff := cmp.Diff(want, about); diff != "" {
		t.Errorf("findings about one neighbour (-want +got):\n%s", diff)
	}
}

func TestFirewall_Complaints(t *testing.T) {
	rules := func(text string) func(*doctor.Facts) {
		return func(f *doctor.Facts) { f.Firewall.Ruleset = []byte(text) }
	}
	file := func(f *doctor.Facts) {
		text, err := os.ReadFile(filepath.Join("testdata", "ruleset.json"))
		if err != nil {
			t.Fatal(err)
		}
		f.Firewall.Ruleset = text
	}
	vip := func(text string) func(*doctor.Facts) {
		return func(f *doctor.Facts) { f.VIPs = []netip.Prefix{netip.MustParsePrefix(text)} }
	}
	remedy := func(handle string) string {
		return "nft -a list chain ip filter in; filter in front of the director, then: nft delete rule ip filter in handle " + handle
	}
	examine(t, []complaint{
		{"an address", all(file, vip("192.0.2.10/32")), doctor.Warn, "nftables", "a rule of ip filter in matches 192.0.2.10, but", remedy("3")},
		{"a prefix", all(file, vip("198.51.100.77/32")), doctor.Warn, "nftables", "198.51.100.77", remedy("4")},
		{"a range", all(file, vip("203.0.113.7/32")), doctor.Warn, "nftables", "203.0.113.7", remedy("5")},
		{"a set of the rule's", all(file, vip("192.0.2.21/32")), doctor.Warn, "nftables", "192.0.2.21", remedy("7")},
		{"a named set", all(file, vip("192.0.2.31/32")), doctor.Warn, "nftables", "192.0.2.31", remedy("8")},
		{"a verdict map", all(file, vip("192.0.2.41/32")), doctor.Warn, "nftables", "192.0.2.41", remedy("10")},
		{"an address inside a mark's prefix", all(file, vip("192.0.2.8/29")), doctor.Warn, "nftables", "192.0.2.8/29", remedy("3")},
		{"a source, and one that is excepted", all(file, vip("192.0.2.99/32")), doctor.OK, "nftables", "none of 8 rules matches a VIP", ""},
		{"just outside", all(file, vip("203.0.113.10/32")), doctor.OK, "nftables", "none of 8 rules matches a VIP", ""},
		{"no nft", func(f *doctor.Facts) { f.Firewall.Skipped = "there is no nft to ask" }, doctor.Note, "nftables", "not checked: there is no nft", ""},
		{"nonsense", rules("no JSON"), doctor.Note, "nftables", "cannot parse the output of nft", ""},
		{"old iptables", func(f *doctor.Facts) { f.Firewall.Legacy = []string{"filter", "nat"} }, doctor.Note, "iptables", "filter, nat", "iptables-legacy-save"},
	})
}
