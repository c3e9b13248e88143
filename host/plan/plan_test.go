package plan_test

import (
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control/config"
	"director/host"
	"director/host/plan"
	"director/packet"
	"director/service"
)

var (
	native  = plan.Rung{Name: "AF_XDP native", Kind: plan.NativeXDP, Mode: plan.Auto}
	generic = plan.Rung{Name: "AF_XDP generic", Kind: plan.GenericXDP, Mode: plan.Copy}
	tap     = plan.Rung{Name: "AF_PACKET", Kind: plan.Packet}
)

func in(r plan.Rung, m plan.Mode) plan.Rung { r.Mode = m; return r }

func TestLadder_HoldsWhatTheFlagsAllow(t *testing.T) {
	for _, c := range []struct {
		io   config.IO
		mode config.XDPMode
		want []plan.Rung
	}{
		{config.IOAuto, config.XDPAuto, []plan.Rung{native, generic, tap}},
		{config.IOAuto, config.XDPZeroCopy, []plan.Rung{in(native, plan.ZeroCopy), tap}},
		{config.IOAuto, config.XDPCopy, []plan.Rung{in(native, plan.Copy), tap}},
		{config.IOAuto, config.XDPGeneric, []plan.Rung{generic, tap}},
		{config.IOXDP, config.XDPAuto, []plan.Rung{native, generic}},
		{config.IOXDP, config.XDPGeneric, []plan.Rung{generic}},
		{config.IOPacket, config.XDPAuto, []plan.Rung{tap}},
		{config.IOPacket, config.XDPZeroCopy, []plan.Rung{tap}},
	} {
		if diff := cmp.Diff(c.want, plan.Ladder(c.io, c.mode)); diff != "" {
			t.Errorf("--io=%s --xdp-mode=%s (-want +got):\n%s", c.io, c.mode, diff)
		}
	}
}

// usual returns a host of four CPUs with two NICs, of two and of three queues.
func usual() *plan.Facts {
	cpus := []int{0, 1, 2, 3}
	return &plan.Facts{Online: cpus, Allowed: cpus, Interfaces: []plan.Interface{
		{Name: "eth0", MTU: 1500, Queues: 2, Spread: []uint32{0, 1, 0, 1}},
		{Name: "eth1", MTU: 1500, Queues: 3, Spread: []uint32{0, 1, 2, 0}},
	}}
}

func flags() *config.Config {
	return &config.Config{IO: config.IOAuto, XDPMode: config.XDPAuto, IRQ: config.IRQLeave}
}

func TestMake_ServesTheQueues(t *testing.T) {
	broken := errors.New("ioctl: it broke")
	for _, c := range []struct {
		what    string
		change  func(*config.Config, *plan.Facts)
		queues  [][]int // by interface
		cpus    []int
		err     string // a part of it; "": none
		noUsage bool   // the error is not about the flags
	}{
		{"all queues", func(*config.Config, *plan.Facts) {}, [][]int{{0, 1}, {0, 1, 2}}, []int{0, 1, 2}, "", false},
		{"no interface", func(_ *config.Config, f *plan.Facts) { f.Interfaces = nil }, nil, []int{}, "", false},
		{"some queues, which RSS avoids", func(c *config.Config, f *plan.Facts) {
			c.Queues = []int{0, 1}
			f.Interfaces[1].Spread = []uint32{0, 1, 1, 0}
		}, [][]int{{0, 1}, {0, 1}}, []int{0, 1}, "", false},
		{"some queues, which RSS does not avoid", func(c *config.Config, _ *plan.Facts) { c.Queues = []int{0, 1} },
			[][]int{{0, 1}, {0, 1}}, []int{0, 1}, "RSS of eth1 spreads frames to queue 2, which is left out: ethtool -X eth1 start 0 equal 2", false},
		{"some queues, without RSS", func(c *config.Config, f *plan.Facts) {
			c.Queues = []int{0}
			f.Interfaces[0].Spread = nil
		}, [][]int{{0}, {0}}, []int{0}, "eth0 may receive on queue 1, which is left out, and has no indirection table", false},
		{"a queue that is not there", func(c *config.Config, _ *plan.Facts) { c.Queues = []int{0, 1, 2} },
			[][]int{{0, 1, 2}, {0, 1, 2}}, []int{0, 1, 2}, "--queues: eth0 has no queue 2, only 0 to 1", false},
		{"AF_PACKET makes workers of them", func(c *config.Config, _ *plan.Facts) { c.IO, c.Queues = config.IOPacket, []int{0, 1, 2, 3} },
			[][]int{{0, 1, 2, 3}, {0, 1, 2, 3}}, []int{0, 1, 2, 3}, "", false},
		{"queues that cannot be counted", func(_ *config.Config, f *plan.Facts) { f.Interfaces[0].Queues, f.Interfaces[0].QueuesErr = 0, broken },
			[][]int{nil, {0, 1, 2}}, []int{0, 1, 2}, "it broke", true},
		{"AF_PACKET, with queues that cannot be counted", func(c *config.Config, f *plan.Facts) {
			c.IO, f.Interfaces[0].Queues, f.Interfaces[0].QueuesErr = config.IOPacket, 0, broken
		}, [][]int{nil, {0, 1, 2}}, []int{0, 1, 2}, "it broke", true},
		{"AF_PACKET need not count", func(c *config.Config, f *plan.Facts) {
			c.IO, c.Queues, f.Interfaces[0].QueuesErr = config.IOPacket, []int{0}, broken
		}, [][]int{{0}, {0}}, []int{0}, "", false},
		{"a table that cannot be read", func(_ *config.Config, f *plan.Facts) { f.Interfaces[1].SpreadErr = broken },
			[][]int{{0, 1}, {0, 1, 2}}, []int{0, 1, 2}, "it broke", true},
		{"a port of a bridge", func(_ *config.Config, f *plan.Facts) {
			f.Interfaces[0].Master = plan.Master{Name: "br0", Kind: "bridge"}
		},
			[][]int{{0, 1}, {0, 1, 2}}, []int{0, 1, 2}, "eth0 is a part of the bridge br0, which has the addresses and routes: use --interface=br0", false},
		{"a part of a bond", func(_ *config.Config, f *plan.Facts) {
			f.Interfaces[1].Master = plan.Master{Name: "bond0", Kind: "bond"}
		},
			[][]int{{0, 1}, {0, 1, 2}}, []int{0, 1, 2}, "eth1 is a part of the bond bond0", false},
		{"a port of Open vSwitch", func(_ *config.Config, f *plan.Facts) {
			f.Interfaces[1].Master = plan.Master{Name: "ovs-system", Kind: "openvswitch"}
		},
			[][]int{{0, 1}, {0, 1, 2}}, []int{0, 1, 2}, "eth1 is a port of a bridge of Open vSwitch, whose own port has the addresses and routes: use --interface=BRIDGE", false},
		{"a link in a VRF", func(_ *config.Config, f *plan.Facts) { f.Interfaces[1].Master = plan.Master{Name: "red", Kind: "vrf"} },
			[][]int{{0, 1}, {0, 1, 2}}, []int{0, 1, 2}, "", false},
		{"a long MTU", func(_ *config.Config, f *plan.Facts) { f.Interfaces[1].MTU = plan.MaxMTU + 1 },
			[][]int{{0, 1}, {0, 1, 2}}, []int{0, 1, 2}, "eth1 has an MTU of 1759, but the director carries packets of at most 1758 bytes: ip link set dev eth1 mtu 1500", false},
		{"the longest MTU", func(_ *config.Config, f *plan.Facts) { f.Interfaces[1].MTU = plan.MaxMTU },
			[][]int{{0, 1}, {0, 1, 2}}, []int{0, 1, 2}, "", false},
		{"CPUs by the flag", func(c *config.Config, _ *plan.Facts) { c.CPUs = []int{3, 2, 1, 0} },
			[][]int{{0, 1}, {0, 1, 2}}, []int{3, 2, 1}, "", false},
		{"fewer CPUs than workers", func(_ *config.Config, f *plan.Facts) { f.Allowed = []int{1, 3} },
			[][]int{{0, 1}, {0, 1, 2}}, []int{1, 3, 1}, "", false},
		{"a list that is too short", func(c *config.Config, _ *plan.Facts) { c.CPUs = []int{0} },
			[][]int{{0, 1}, {0, 1, 2}}, nil, "--cpus: 1 CPUs for 3 workers", false},
		{"the MTU first, then CPUs, then queues", func(c *config.Config, f *plan.Facts) {
			c.CPUs, c.Queues, f.Interfaces[1].MTU = []int{9}, []int{7}, 9000
		}, [][]int{{7}, {7}}, nil, "eth1 has an MTU of 9000", false},
		{"CPUs, then queues", func(c *config.Config, _ *plan.Facts) { c.CPUs, c.Queues = []int{9}, []int{7} },
			[][]int{{7}, {7}}, nil, "CPU 9 is not online", false},
	} {
		asked, facts := flags(), usual()
		c.change(asked, facts)
		p := plan.Make(asked, facts)
		var queues [][]int
		for _, i := range p.Interfaces {
			queues = append(queues, i.Queues)
		}
		if diff := cmp.Diff(c.queues, queues); diff != "" {
			t.Errorf("%s: queues (-want +got):\n%s", c.what, diff)
		}
		if diff := cmp.Diff(c.cpus, p.CPUs); diff != "" {
			t.Errorf("%s: CPUs (-want +got):\n%s", c.what, diff)
		}
		err := p.Err()
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: error %v, want %q", c.what, err, c.err)
		}
		if err != nil && errors.Is(err, host.ErrUsage) == c.noUsage {
			t.Errorf("%s: %v is a usage error: %v, want otherwise", c.what, err, !c.noUsage)
		}
	}
}

func TestInterrupts_AreBesideTheirWorkers(t *testing.T) {
	asked, f := flags(), usual()
	asked.CPUs = []int{3, 1, 2}
	if got := plan.Make(asked, f).Interrupts(); got != nil {
		t.Errorf("--irq=leave: %v, want none", got)
	}
	asked.IRQ = config.IRQPin
	want := []plan.Interrupt{{"eth0", 0, 3}, {"eth0", 1, 1}, {"eth1", 0, 3}, {"eth1", 1, 1}, {"eth1", 2, 2}}
	if diff := cmp.Diff(want, plan.Make(asked, f).Interrupts()); diff != "" {
		t.Errorf("--irq=pin (-want +got):\n%s", diff)
	}
}

func TestMake_GivesTheCommandThatConfinesRSS(t *testing.T) {
	all := []uint32{0, 1, 2, 3, 0, 1, 2, 3}
	for _, c := range []struct {
		what   string
		table  []uint32
		served []int
		want   string // "": safe
	}{
		{"all served", all, []int{0, 1, 2, 3}, ""},
		{"all served, no table", nil, []int{0, 1, 2, 3}, ""},
		{"first half", all, []int{0, 1}, "ethtool -X eth0 start 0 equal 2"},
		{"last half", all, []int{2, 3}, "ethtool -X eth0 start 2 equal 2"},
		{"gaps", all, []int{0, 2}, "ethtool -X eth0 weight 1 0 1 0"},
		{"gap wider than what is served", all, []int{0, 3}, "ethtool -X eth0 weight 1 0 0 1"},
		{"confined already", []uint32{2, 3, 2, 3}, []int{2, 3}, ""},
		{"confined elsewhere", []uint32{2, 3, 2, 3}, []int{0, 1}, "to queue 2"},
		{"no table", nil, []int{0, 1}, "ethtool -L eth0 rx N (or combined N)"},
	} {
		asked, f := flags(), usual()
		asked.Queues = c.served
		f.Interfaces = []plan.Interface{{Name: "eth0", MTU: 1500, Queues: 4, Spread: c.table}}
		err := plan.Make(asked, f).Err()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.what, err, c.want)
		}
	}
}

func TestChoose_PredictsWhatWorks(t *testing.T) {
	const (
		noNative = "AF_XDP native: the driver does not support native XDP"
		noXDP    = ": AF_XDP does not work here"
		noMemory = ": too little locked memory"
		program  = ": another XDP program is attached"
	)
	auto := []plan.Rung{native, generic, tap}
	for _, c := range []struct {
		what    string
		ladder  []plan.Rung
		change  func(*plan.Facts, *plan.Interface)
		rung    string // "": none works
		kind    plan.Kind
		mode    plan.Mode
		refused []string
		unsure  bool
	}{
		{"the best", auto, func(*plan.Facts, *plan.Interface) {}, native.Name, plan.NativeXDP, plan.ZeroCopy, nil, false},
		{"no zero-copy", auto, func(_ *plan.Facts, i *plan.Interface) { i.ZeroCopy = false }, native.Name, plan.NativeXDP, plan.Copy, nil, false},
		{"copy asked for", []plan.Rung{in(native, plan.Copy)}, func(*plan.Facts, *plan.Interface) {}, native.Name, plan.NativeXDP, plan.Copy, nil, false},
		{"no native XDP", auto, func(_ *plan.Facts, i *plan.Interface) { i.Native, i.ZeroCopy = false, false },
			generic.Name, plan.GenericXDP, plan.Copy, []string{noNative}, false},
		{"zero-copy or nothing", []plan.Rung{in(native, plan.ZeroCopy)}, func(_ *plan.Facts, i *plan.Interface) { i.ZeroCopy = false },
			"", plan.NativeXDP, "", []string{"AF_XDP native: the driver does not support zero-copy"}, false},
		{"a driver that was not asked", auto, func(_ *plan.Facts, i *plan.Interface) { i.Asked, i.Native, i.ZeroCopy = false, false, false },
			native.Name, plan.NativeXDP, plan.Copy, nil, true},
		{"joined packets", auto, func(_ *plan.Facts, i *plan.Interface) { i.FixedGRO = true },
			generic.Name, plan.GenericXDP, plan.Copy, []string{"AF_XDP native: the driver cannot switch rx-gro-hw off"}, false},
		{"another program", auto, func(_ *plan.Facts, i *plan.Interface) { i.OtherXDP = true },
			tap.Name, plan.Packet, "", []string{native.Name + program, generic.Name + program}, false},
		{"no AF_XDP", auto, func(f *plan.Facts, _ *plan.Interface) { f.NoXDP = true },
			tap.Name, plan.Packet, "", []string{native.Name + noXDP, generic.Name + noXDP}, false},
		{"no memory", auto, func(f *plan.Facts, _ *plan.Interface) { f.Memlock = 15 },
			tap.Name, plan.Packet, "", []string{native.Name + noMemory, generic.Name + noMemory}, false},
		{"just enough memory", auto, func(f *plan.Facts, _ *plan.Interface) { f.Memlock = 16 }, native.Name, plan.NativeXDP, plan.ZeroCopy, nil, false},
		{"AF_PACKET asked for", []plan.Rung{tap}, func(f *plan.Facts, i *plan.Interface) { f.NoXDP, f.Memlock, i.OtherXDP = true, 0, true },
			tap.Name, plan.Packet, "", nil, false},
		{"nothing works", []plan.Rung{tap}, func(f *plan.Facts, _ *plan.Interface) { f.NoPacket = true },
			"", plan.Packet, "", []string{"AF_PACKET: packet sockets do not work here"}, false},
	} {
		f := &plan.Facts{Memlock: math.MaxUint64, UMEM: 8, Interfaces: []plan.Interface{
			{Name: "eth0", Served: []int{0, 1}, Asked: true, Native: true, ZeroCopy: true},
		}}
		c.change(f, &f.Interfaces[0])
		got := plan.Choose(c.ladder, f)[0]
		want := plan.Choice{Kind: c.kind, Mode: c.mode, Refused: c.refused, Unsure: c.unsure}
		for i := range c.ladder {
			if c.ladder[i].Name == c.rung {
				want.Rung = &c.ladder[i]
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
}

// Interfaces are opened one after the other. One that cannot be opened gives its memory
// back.
func TestChoose_SharesLockedMemoryInTurn(t *testing.T) {
	for limit, want := range map[uint64]string{0: "ppp", 1: "ppx", 2: "ppx", 3: "xpp", 4: "xpx", 6: "xpx", 7: "xxp", 8: "xxx"} {
		f := &plan.Facts{Memlock: limit, UMEM: 1, Interfaces: []plan.Interface{
			{Name: "eth0", Served: []int{0, 1, 2}}, {Name: "eth1", Served: []int{0, 1, 2, 3}}, {Name: "eth2", Served: []int{0}},
		}}
		got := ""
		for _, c := range plan.Choose([]plan.Rung{native, tap}, f) {
			got += map[plan.Kind]string{plan.NativeXDP: "x", plan.Packet: "p"}[c.Kind]
		}
		if got != want {
			t.Errorf("memory for %d queues: %s, want %s (x: AF_XDP, p: AF_PACKET)", limit, got, want)
		}
	}
}

func TestVIPs_ListsEachAddressOnce(t *testing.T) {
	at := func(addr string, port uint16) service.Spec {
		return service.Spec{Key: service.Key{Addr: packet.MustAddr(addr), Port: port, Proto: packet.ProtoTCP}}
	}
	marked := func(n uint32) service.Spec { return service.Spec{Key: service.Key{Mark: n}} }
	prefix := netip.MustParsePrefix
	marks := []service.Mark{
		{Mark: 1, Prefix: prefix("192.0.2.10/32")}, {Mark: 1, Prefix: prefix("192.0.2.12/32")},
		{Mark: 2, Prefix: prefix("198.51.100.0/24")}, {Mark: 2, Prefix: prefix("198.51.100.0/24"), Proto: packet.ProtoUDP},
		{Mark: 3, Prefix: prefix("203.0.113.0/24")},
	}
	for _, c := range []struct {
		what     string
		specs    []service.Spec
		vips     string
		prefixes string
	}{
		{"nothing", nil, "", ""},
		{"two ports of one address", []service.Spec{at("192.0.2.10", 80), at("192.0.2.11", 80), at("192.0.2.10", 443)}, "192.0.2.10 192.0.2.11", ""},
		{"a mark of single addresses", []service.Spec{at("192.0.2.10", 80), marked(1)}, "192.0.2.10 192.0.2.12", ""},
		{"a mark of a prefix, named twice", []service.Spec{marked(2)}, "", "198.51.100.0/24"},
		{"a mark that no flag explains", []service.Spec{marked(9)}, "", ""},
	} {
		vips, prefixes := plan.VIPs(service.Keys(c.specs), marks)
		if got := join(vips); got != c.vips {
			t.Errorf("%s: addresses %q, want %q", c.what, got, c.vips)
		}
		if got := join(prefixes); got != c.prefixes {
			t.Errorf("%s: prefixes %q, want %q", c.what, got, c.prefixes)
		}
	}
}

func join[T interface{ String() string }](all []T) string {
	var texts []string
	for _, v := range all {
		texts = append(texts, v.String())
	}
	return strings.Join(texts, " ")
}

func TestCheckInterfaces_NamesTheFlag(t *testing.T) {
	exists := func(name string) error {
		if name == "eth0" {
			return nil
		}
		return host.Usagef("no such interface %q", name)
	}
	addr := netip.MustParseAddr("192.0.2.10")
	for _, c := range []struct {
		what string
		c    config.Config
		want string
	}{
		{"none named", config.Config{}, ""},
		{"there", config.Config{
			Neighbors: []config.Neighbor{{IP: addr, Interface: "eth0"}}, VIPInterfaces: []config.VIPInterface{{VIP: addr, Interface: "eth0"}},
		}, ""},
		{"--interface is the claim's", config.Config{Interfaces: []string{"eth7"}}, ""},
		{"a neighbour's", config.Config{Neighbors: []config.Neighbor{{IP: addr, Interface: "eth0"}, {IP: addr, Interface: "eth1"}}},
			`--neighbor 192.0.2.10: no such interface "eth1"`},
		{"a VIP's", config.Config{VIPInterfaces: []config.VIPInterface{{VIP: addr, Interface: "eth2"}}},
			`--vip-interface 192.0.2.10: no such interface "eth2"`},
	} {
		err := plan.CheckInterfaces(&c.c, exists)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, host.ErrUsage) || err.Error() != c.want) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
}
