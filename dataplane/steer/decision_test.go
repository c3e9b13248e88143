package steer_test

import (
	"bytes"
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
	loopback = 1 // the index of lo, which the test frames claim to arrive on

	passXDP, dropXDP = 2, 1  // linux/bpf.h: without a socket, a taken frame is dropped
	nextTC, shotTC   = -1, 2 // linux/pkt_cls.h
)

var (
	own    = packet.MAC{2, 0, 0, 0, 0, 1}
	router = packet.MAC{2, 0, 0, 0, 0, 254}
)

// the set of the tests: a TCP and a UDP service, NAT real servers for each, and
// a host with one address besides its VIPs.
func testSet() steer.Set {
	return steer.Set{
		Services: []steer.Endpoint{endpoint("192.0.2.10", 80, packet.ProtoTCP), endpoint("192.0.2.11", 53, packet.ProtoUDP)},
		Reals:    []steer.Endpoint{endpoint("10.0.0.11", 8080, packet.ProtoTCP), endpoint("10.0.0.12", 53, packet.ProtoUDP)},
		Locals:   []packet.Addr{packet.MustAddr("192.0.2.10"), packet.MustAddr("192.0.2.11"), packet.MustAddr("10.0.0.1")},
		MACs:     map[int]packet.MAC{loopback: own},
	}
}

func endpoint(addr string, port uint16, proto uint8) steer.Endpoint {
	return steer.Endpoint{Addr: packet.MustAddr(addr), Port: port, Proto: proto}
}

type decision struct {
	name  string
	frame packettest.Frame
	taken bool
}

func decisions() []decision {
	return []decision{
		{"to a TCP service", packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "192.0.2.10:80"}, true},
		{"to a UDP service", packettest.Frame{UDP: true, Src: "198.51.100.1:999", Dst: "192.0.2.11:53"}, true},
		{"to a service, with IP options", packettest.Frame{Options: 40, UDP: true, Src: "198.51.100.1:999", Dst: "192.0.2.11:53"}, true},
		{"to a service's port, other protocol", packettest.Frame{UDP: true, Src: "198.51.100.1:999", Dst: "192.0.2.10:80"}, false},
		{"to another port of a VIP", packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "192.0.2.10:22"}, false},
		{"to port 0 of a VIP", packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "192.0.2.10:0"}, false},
		{"to a service on another MAC", packettest.Frame{DstMAC: router, Flags: "S", Src: "198.51.100.1:999", Dst: "192.0.2.10:80"}, false},
		{"to a service, tagged", packettest.Frame{VLAN: 7, Flags: "S", Src: "198.51.100.1:999", Dst: "192.0.2.10:80"}, false},
		{"first fragment to a service", packettest.Frame{MF: true, UDP: true, Src: "198.51.100.1:999", Dst: "192.0.2.11:53"}, true},
		{"first fragment to a VIP, other port", packettest.Frame{MF: true, UDP: true, Src: "198.51.100.1:999", Dst: "192.0.2.11:5"}, true},
		{"later fragment to a VIP", packettest.Frame{Offset: 100, UDP: true, Src: "198.51.100.1:0", Dst: "192.0.2.11:0"}, true},
		{"later fragment to a VIP, other protocol", packettest.Frame{Offset: 100, UDP: true, Src: "198.51.100.1:0", Dst: "192.0.2.10:0"}, false},
		{"from a real server", packettest.Frame{Flags: "S", Src: "10.0.0.11:8080", Dst: "198.51.100.1:999"}, true},
		{"from a real server, later fragment", packettest.Frame{Offset: 9, UDP: true, Src: "10.0.0.12:0", Dst: "198.51.100.1:0"}, true},
		{"from a real server's other port", packettest.Frame{Flags: "S", Src: "10.0.0.11:4711", Dst: "198.51.100.1:80"}, false},
		{"from a real server to the host", packettest.Frame{Flags: "S", Src: "10.0.0.11:8080", Dst: "10.0.0.1:999"}, false},
		{"from a real server to a VIP's other port", packettest.Frame{Flags: "S", Src: "10.0.0.11:8080", Dst: "192.0.2.10:22"}, false},
		{"from a real server to a service", packettest.Frame{Flags: "S", Src: "10.0.0.11:8080", Dst: "192.0.2.10:80"}, true},
		{"SSH to the host", packettest.Frame{Flags: "S", Src: "198.51.100.1:999", Dst: "10.0.0.1:22"}, false},
	}
}

// bytes builds the frame, addressed to the interface unless it says otherwise.
func (d decision) bytes() []byte {
	p := d.frame
	p.SrcMAC = router
	if p.DstMAC.IsZero() {
		p.DstMAC = own
	}
	p.Payload = bytes.Repeat([]byte{'x'}, 32)
	return p.Bytes()
}

func load(t *testing.T) *steer.Steering {
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
func attachXDP(t *testing.T, s *steer.Steering) *steer.XDP {
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
		frame := d.bytes()
		want := map[bool][3]int{true: {dropXDP, shotTC, -1}, false: {passXDP, nextTC, 0}}[d.taken]
		got := [3]int{verdict(t, xdp.Program(), frame), verdict(t, s.DropProgram(), frame), verdict(t, s.TapProgram(), frame)}
		if got != want {
			t.Errorf("%s: xdp, drop, tap: got %v, want %v", d.name, got, want)
		}
	}
}

func TestPrograms_PassWhatIsNotTCPOrUDP(t *testing.T) {
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
	service := decisions()[0].bytes()
	frames := map[string][]byte{
		"ARP":                           packettest.Serialize(&eth, &arp),
		"ping":                          packettest.Serialize(&ethIP, &ip, &icmp, gopacket.Payload("hello, hello, hello")),
		"cut before the ports":          service[:36],
		"an IHL shorter than a header":  with(service, 14, 0x44),
		"an IHL longer than the frame":  with(service[:60], 14, 0x4f),
		"IP version 6 in an IPv4 frame": with(service, 14, 0x65),
	}
	for name, frame := range frames {
		got := [3]int{verdict(t, xdp.Program(), frame), verdict(t, s.DropProgram(), frame), verdict(t, s.TapProgram(), frame)}
		if want := [3]int{passXDP, nextTC, 0}; got != want {
			t.Errorf("%s: xdp, drop, tap: got %v, want %v", name, got, want)
		}
	}
}

func TestXDP_PassesAFrameCutInItsIPHeader(t *testing.T) {
	xdp := attachXDP(t, load(t)) // the kernel runs no tc program over such a frame
	if got := verdict(t, xdp.Program(), decisions()[0].bytes()[:30]); got != passXDP {
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
		verdict(t, xdp.Program(), decisions()[0].bytes())
	}
	verdict(t, xdp.Program(), decisions()[4].bytes()) // not taken
	if got, err := xdp.Unserved(); err != nil || got != 3 {
		t.Errorf("unserved: got %d, %v, want 3", got, err)
	}
}

func TestUpdate_AddsAndRemoves(t *testing.T) {
	s := load(t)
	xdp := attachXDP(t, s)
	expect := func(when string, frame []byte, want int) {
		t.Helper()
		if got := verdict(t, xdp.Program(), frame); got != want {
			t.Errorf("%s: got %d, want %d", when, got, want)
		}
	}
	tcp, udp, fragment := decisions()[0].bytes(), decisions()[1].bytes(), decisions()[10].bytes()
	set := testSet()
	set.Services = set.Services[:1]
	if err := s.Update(set); err != nil {
		t.Fatal(err)
	}
	expect("a service that stayed", tcp, dropXDP)
	expect("a service that went", udp, passXDP)
	expect("its fragments", fragment, passXDP)

	set.MACs = map[int]packet.MAC{loopback: router}
	if err := s.Update(set); err != nil {
		t.Fatal(err)
	}
	expect("the old MAC", tcp, passXDP)
	expect("the new MAC", append(router[:], tcp[6:]...), dropXDP)

	if err := s.Update(steer.Set{}); err != nil {
		t.Fatal(err)
	}
	expect("an empty set", append(router[:], tcp[6:]...), passXDP)
}
