package steer_test

import (
	"bytes"
	"net/netip"
	"testing"

	"director/dataplane/steer"
	"director/internal/nettest"
	"director/internal/packettest"
	"director/packet"

	"github.com/cilium/ebpf"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

const (
	loopback = 1 // the index of lo, on which the test frames seem to arrive

	passXDP, dropXDP = 2, 1  // linux/bpf.h: without a socket, a taken frame is dropped
	nextTC, shotTC   = -1, 2 // linux/pkt_cls.h

	protoSCTP = 132 // RFC 9260 section 3
)

var (
	own    = packet.MAC{2, 0, 0, 0, 0, 1}
	router = packet.MAC{2, 0, 0, 0, 0, 254}
)

// testSet returns the set of the tests: services with one port for each protocol
// and one with all ports, firewall marks with a prefix and with an address, their
// NAT real servers, and a host that has addresses besides its VIPs. One of these
// addresses is inside the prefix. 203.0.113.66 is inside it, too, and is a VIP.
func testSet() steer.Set {
	return steer.Set{
		Services: []steer.Endpoint{
			endpoint("192.0.2.10", 80, packet.ProtoTCP), endpoint("192.0.2.11", 53, packet.ProtoUDP),
			endpoint("192.0.2.12", 0, packet.ProtoTCP), endpoint("192.0.2.13", 9, protoSCTP),
			endpoint("203.0.113.66", 53, packet.ProtoUDP), endpoint("192.0.2.14", 500, packet.ProtoUDP),
		},
		Prefixes: []steer.Prefix{prefix("203.0.113.64/26", packet.ProtoTCP), prefix("203.0.113.200/32", packet.ProtoUDP)},
		Reals: []steer.Endpoint{
			endpoint("10.0.0.11", 8080, packet.ProtoTCP), endpoint("10.0.0.12", 53, packet.ProtoUDP),
			endpoint("10.0.0.13", 0, packet.ProtoTCP), endpoint("10.0.0.14", 9, protoSCTP),
			endpoint("10.0.0.15", 500, packet.ProtoUDP),
		},
		Tunnels: []packet.Addr{packet.MustAddr("10.0.0.21")},
		Locals: []packet.Addr{
			packet.MustAddr("192.0.2.10"), packet.MustAddr("192.0.2.11"), packet.MustAddr("10.0.0.1"),
			packet.MustAddr("203.0.113.65"), packet.MustAddr("203.0.113.66"), packet.MustAddr("203.0.113.200"),
		},
		MACs: map[int]packet.MAC{loopback: own},
	}
}

func prefix(s string, proto uint8) steer.Prefix {
	return steer.Prefix{Prefix: netip.MustParsePrefix(s), Proto: proto}
}

func endpoint(addr string, port uint16, proto uint8) steer.Endpoint {
	return steer.Endpoint{Addr: packet.MustAddr(addr), Port: port, Proto: proto}
}

type decision struct {
	name  string
	frame []byte
	taken bool
}

func decisions() []decision {
	return []decision{
		{"to a TCP service", built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "192.0.2.10:80"}), true},
		{"to a UDP service", built(packettest.Frame{UDP: true, Src: "198.51.100.1:999", Dst: "192.0.2.11:53"}), true},
		{"to a service, with IP options", built(packettest.Frame{Options: 40, UDP: true, Src: "198.51.100.1:999", Dst: "192.0.2.11:53"}), true},
		{"to a service's port, other protocol", built(packettest.Frame{UDP: true, Src: "198.51.100.1:999", Dst: "192.0.2.10:80"}), false},
		{"to another port of a VIP", built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "192.0.2.10:22"}), false},
		{"to port 0 of a VIP", built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "192.0.2.10:0"}), false},
		{"to a service on another MAC", built(packettest.Frame{DstMAC: router, Flags: "S", Src: "198.51.100.1:999", Dst: "192.0.2.10:80"}), false},
		{"to a service, tagged", built(packettest.Frame{VLAN: 7, Flags: "S", Src: "198.51.100.1:999", Dst: "192.0.2.10:80"}), false},
		{"first fragment to a service", built(packettest.Frame{MF: true, UDP: true, Src: "198.51.100.1:999", Dst: "192.0.2.11:53"}), true},
		{"first fragment to a VIP, other port", built(packettest.Frame{MF: true, UDP: true, Src: "198.51.100.1:999", Dst: "192.0.2.11:5"}), true},
		{"later fragment to a VIP", built(packettest.Frame{Offset: 100, UDP: true, Src: "198.51.100.1:0", Dst: "192.0.2.11:0"}), true},
		{"later fragment to a VIP, other protocol", built(packettest.Frame{Offset: 100, UDP: true, Src: "198.51.100.1:0", Dst: "192.0.2.10:0"}), false},
		{"from a real server", built(packettest.Frame{Flags: "S", Src: "10.0.0.11:8080", Dst: "198.51.100.1:999"}), true},
		{"from a real server, later fragment", built(packettest.Frame{Offset: 9, UDP: true, Src: "10.0.0.12:0", Dst: "198.51.100.1:0"}), true},
		{"from a real server's other port", built(packettest.Frame{Flags: "S", Src: "10.0.0.11:4711", Dst: "198.51.100.1:80"}), false},
		{"from a real server to the host", built(packettest.Frame{Flags: "S", Src: "10.0.0.11:8080", Dst: "10.0.0.1:999"}), false},
		{"from a real server to a VIP's other port", built(packettest.Frame{Flags: "S", Src: "10.0.0.11:8080", Dst: "192.0.2.10:22"}), false},
		{"from a real server to a service", built(packettest.Frame{Flags: "S", Src: "10.0.0.11:8080", Dst: "192.0.2.10:80"}), true},
		{"SSH to the host", built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "10.0.0.1:22"}), false},

		{"to any port of a port-0 service", built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "192.0.2.12:4711"}), true},
		{"to a port-0 service, other protocol", built(packettest.Frame{UDP: true, Src: "198.51.100.1:999", Dst: "192.0.2.12:4711"}), false},
		{"later fragment to a port-0 service", built(packettest.Frame{Offset: 9, Src: "198.51.100.1:0", Dst: "192.0.2.12:0"}), true},
		{"from any port of a real server", built(packettest.Frame{Flags: "S", Src: "10.0.0.13:20", Dst: "198.51.100.1:999"}), true},
		{"from any port of a real server, other protocol", built(packettest.Frame{UDP: true, Src: "10.0.0.13:20", Dst: "198.51.100.1:999"}), false},
		{"from any port of a real server to the host", built(packettest.Frame{Flags: "S", Src: "10.0.0.13:20", Dst: "10.0.0.1:999"}), false},
		{"from any port of a real server, later fragment", built(packettest.Frame{Offset: 9, Src: "10.0.0.13:0", Dst: "198.51.100.1:0"}), true},

		{"to an SCTP service", as(protoSCTP, packettest.Frame{Src: "198.51.100.1:999", Dst: "192.0.2.13:9"}), true},
		{"to an SCTP service's port, other protocol", built(packettest.Frame{UDP: true, Src: "198.51.100.1:999", Dst: "192.0.2.13:9"}), false},
		{"to an SCTP service's other port", as(protoSCTP, packettest.Frame{Src: "198.51.100.1:999", Dst: "192.0.2.13:10"}), false},
		{"first fragment to an SCTP service", as(protoSCTP, packettest.Frame{MF: true, Src: "198.51.100.1:999", Dst: "192.0.2.13:9"}), true},
		{"from an SCTP real server", as(protoSCTP, packettest.Frame{Src: "10.0.0.14:9", Dst: "198.51.100.1:999"}), true},
		{"from an SCTP real server to a VIP not listed among the locals", as(protoSCTP, packettest.Frame{Src: "10.0.0.14:9", Dst: "192.0.2.13:999"}), false},
		{"ESP to a service of keys", as(50, packettest.Frame{Src: "198.51.100.1:1", Dst: "192.0.2.14:2"}), true},
		{"AH to a service of keys", as(51, packettest.Frame{Src: "198.51.100.1:1", Dst: "192.0.2.14:2"}), true},
		{"ESP to another service", as(50, packettest.Frame{Src: "198.51.100.1:999", Dst: "192.0.2.11:53"}), false},
		{"ESP from a real server of keys", as(50, packettest.Frame{Src: "10.0.0.15:1", Dst: "198.51.100.1:2"}), true},
		{"ESP from another real server", as(50, packettest.Frame{Src: "10.0.0.12:53", Dst: "198.51.100.1:2"}), false},
		{"DCCP to a service's port", as(33, packettest.Frame{Src: "198.51.100.1:999", Dst: "192.0.2.11:53"}), false},

		{"to a prefix's first address", built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "203.0.113.64:1"}), true},
		{"to a prefix's last address", built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "203.0.113.127:65535"}), true},
		{"before a prefix", built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "203.0.113.63:1"}), false},
		{"behind a prefix", built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "203.0.113.128:1"}), false},
		{"to a prefix, other protocol", built(packettest.Frame{UDP: true, Src: "198.51.100.1:999", Dst: "203.0.113.64:1"}), false},
		{"first fragment to a prefix", built(packettest.Frame{MF: true, Flags: "S", Src: "198.51.100.1:999", Dst: "203.0.113.70:1"}), true},
		{"later fragment to a prefix", built(packettest.Frame{Offset: 9, Src: "198.51.100.1:0", Dst: "203.0.113.70:0"}), true},
		{"from a prefix", built(packettest.Frame{Flags: "S", Src: "203.0.113.70:1", Dst: "198.51.100.1:999"}), false},
		{"to the host's address in a prefix", built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "203.0.113.65:22"}), false},
		{"later fragment to the host's address in a prefix", built(packettest.Frame{Offset: 9, Src: "198.51.100.1:0", Dst: "203.0.113.65:0"}), false},
		{"from a real server to the host's address in a prefix", built(packettest.Frame{Flags: "S", Src: "10.0.0.11:8080", Dst: "203.0.113.65:999"}), false},
		{"to a VIP in a prefix", built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "203.0.113.66:443"}), true},
		{"to a VIP in a prefix, other protocol and port", built(packettest.Frame{UDP: true, Src: "198.51.100.1:999", Dst: "203.0.113.66:443"}), false},
		{"to a prefix of one address, which the host holds", built(packettest.Frame{UDP: true, Src: "198.51.100.1:999", Dst: "203.0.113.200:7"}), true},
		{"to a prefix of one address, other protocol", built(packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "203.0.113.200:7"}), false},
		{"beside a prefix of one address", built(packettest.Frame{UDP: true, Src: "198.51.100.1:999", Dst: "203.0.113.201:7"}), false},
	}
}

// built is the frame, addressed to the interface unless it says otherwise.
func built(p packettest.Frame) []byte {
	p.SrcMAC = router
	if p.DstMAC.IsZero() {
		p.DstMAC = own
	}
	p.Payload = bytes.Repeat([]byte{'x'}, 32)
	return p.Bytes()
}

// as is built, of a protocol whose ports lie where UDP's do.
func as(proto uint8, p packettest.Frame) []byte {
	p.UDP = true
	return with(built(p), 14+9, proto)
}

func load(t testing.TB) *steer.Steering {
	t.Helper()
	nettest.Root(t)
	s, err := steer.Load()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Update(testSet()); err != nil {
		t.Fatal(err)
	}
	return s
}

// verdict runs a program over a frame that arrived on lo.
func verdict(t *testing.T, p *ebpf.Program, frame []byte) int {
	t.Helper()
	opts := ebpf.RunOptions{Data: frame}
	switch p.Type() {
	case ebpf.XDP:
		opts.Context = struct{ Data, End, Meta, Ifindex, Queue, Egress uint32 }{End: uint32(len(frame)), Ifindex: loopback}
	case ebpf.SocketFilter:
		// Runs behind an Ethernet header that the kernel takes off.
		opts.Data = append(make([]byte, 14), frame...)
	}
	got, err := p.Run(&opts)
	if err != nil {
		t.Fatalf("run %v: %v", p, err)
	}
	return int(int32(got))
}

// attachXDP loads the XDP program with one queue on the lo of a namespace.
func attachXDP(t testing.TB, s *steer.Steering) *steer.XDP {
	t.Helper()
	near, _ := nettest.Pair(t, 1)
	var x *steer.XDP
	near.Do(t, func() (err error) {
		x, err = s.AttachXDP(near.Index, 1, true)
		return err
	})
	return x
}

func TestPrograms_TakeTheSameFrames(t *testing.T) {
	s := load(t)
	xdp := attachXDP(t, s)
	for _, d := range decisions() {
		judge(t, s, xdp, d)
	}
}

// judge fails the test unless all three programs decide as they should.
func judge(t *testing.T, s *steer.Steering, xdp *steer.XDP, d decision) {
	t.Helper()
	want := map[bool][3]int{true: {dropXDP, shotTC, -1}, false: {passXDP, nextTC, 0}}[d.taken]
	got := [3]int{verdict(t, xdp.Program(), d.frame), verdict(t, s.DropProgram(), d.frame), verdict(t, s.TapProgram(), d.frame)}
	if got != want {
		t.Errorf("%s: xdp, drop, tap: got %v, want %v", d.name, got, want)
	}
}

func TestPrograms_PassWhatHasNoPorts(t *testing.T) {
	s := load(t)
	xdp := attachXDP(t, s)
	eth := layers.Ethernet{SrcMAC: router[:], DstMAC: own[:], EthernetType: layers.EthernetTypeARP}
	arp := layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: 1, SourceHwAddress: router[:], SourceProtAddress: []byte{192, 0, 2, 254},
		DstHwAddress: make([]byte, 6), DstProtAddress: []byte{192, 0, 2, 10},
	}
	ethIP := layers.Ethernet{SrcMAC: router[:], DstMAC: own[:], EthernetType: layers.EthernetTypeIPv4}
	ip := layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolICMPv4, SrcIP: []byte{198, 51, 100, 1}, DstIP: []byte{192, 0, 2, 10}}
	icmp := layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}
	service := decisions()[0].frame
	frames := map[string][]byte{
		"ARP":                           packettest.Serialize(&eth, &arp),
		"ping":                          packettest.Serialize(&ethIP, &ip, &icmp, gopacket.Payload("hello, hello, hello")),
		"cut before the ports":          service[:36],
		"an IHL shorter than a header":  with(service, 14, 0x44),
		"an IHL longer than the frame":  with(service[:60], 14, 0x4f),
		"IP version 6 in an IPv4 frame": with(service, 14, 0x65),
	}
	for name, frame := range frames {
		judge(t, s, xdp, decision{name, frame, false})
	}
}

func TestXDP_PassesAFrameCutInItsIPHeader(t *testing.T) {
	xdp := attachXDP(t, load(t)) // the kernel runs no tc program over such a frame
	if got := verdict(t, xdp.Program(), decisions()[0].frame[:30]); got != passXDP {
		t.Errorf("got %d, want %d", got, passXDP)
	}
}

// with returns the frame with one byte changed.
func with(frame []byte, at int, v byte) []byte {
	changed := bytes.Clone(frame)
	changed[at] = v
	return changed
}

func TestXDP_CountsFramesOnUnservedQueues(t *testing.T) {
	s := load(t)
	xdp := attachXDP(t, s)
	for range 3 {
		verdict(t, xdp.Program(), decisions()[0].frame)
	}
	verdict(t, xdp.Program(), decisions()[4].frame) // not taken
	if got, err := xdp.Unserved(); err != nil || got != 3 {
		t.Errorf("unserved: got %d, %v, want 3", got, err)
	}
}

func TestXDP_KeepsTheCountOfUnservedFramesIfItCannotBeRead(t *testing.T) {
	xdp := attachXDP(t, load(t))
	for range 3 {
		verdict(t, xdp.Program(), decisions()[0].frame)
	}
	if got, err := xdp.Unserved(); err != nil || got != 3 {
		t.Fatalf("unserved: got %d, %v, want 3", got, err)
	}
	xdp.Close() // the map can no longer be read
	if got, err := xdp.Unserved(); err == nil || got != 3 {
		t.Errorf("unserved, map closed: got %d, %v, want 3 and an error", got, err)
	}
}
