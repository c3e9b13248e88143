package testlvs

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func plan() Plan {
	return Plan{Target: netip.MustParseAddrPort("192.0.2.10:80"), Rate: 1000, Duration: time.Second, Sources: Sources}
}

// An independent decoder finds SYNs of all senders with correct checksums.
func TestSegment_IsASYNOfEachSender(t *testing.T) {
	p := plan()
	p.Sources = netip.MustParsePrefix("198.18.7.64/30")
	s := newSegment(p.Target)
	seen := map[netip.AddrPort]bool{}
	for i := range uint64(1000) {
		s.from(&p, i)
		packet := gopacket.NewPacket(s[:], layers.LayerTypeIPv4, gopacket.Default)
		ip, isIP := packet.NetworkLayer().(*layers.IPv4)
		tcp, isTCP := packet.TransportLayer().(*layers.TCP)
		if !isIP || !isTCP || packet.ErrorLayer() != nil {
			t.Fatalf("sender %d: not TCP over IPv4: %v", i, packet)
		}
		again := gopacket.NewSerializeBuffer()
		fix := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
		if err := errors.Join(tcp.SetNetworkLayerForChecksum(ip), gopacket.SerializeLayers(again, fix, ip, tcp)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), s[:]) {
			t.Fatalf("sender %d: gopacket makes\n%x of\n%x", i, again.Bytes(), s)
		}
		from, _ := netip.AddrFromSlice(ip.SrcIP)
		at := netip.AddrPortFrom(from, uint16(tcp.SrcPort))
		if seen[at] || !p.Sources.Contains(from) || at.Port() < firstPort {
			t.Errorf("sender %d is %v: twice, or not of %v", i, at, p.Sources)
		}
		seen[at] = true
		mss := len(tcp.Options) == 1 && tcp.Options[0].OptionType == layers.TCPOptionKindMSS
		if !tcp.SYN || tcp.ACK || !mss || tcp.DstPort != 80 || !ip.DstIP.Equal(p.Target.Addr().AsSlice()) {
			t.Errorf("sender %d: no SYN for %v: %+v", i, p.Target, tcp)
		}
	}
}

func TestPlan_RejectsPublicTargets(t *testing.T) {
	good := plan()
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Plan){
		"public address": func(p *Plan) { p.Target = netip.MustParseAddrPort("8.8.8.8:53") },
		"no port":        func(p *Plan) { p.Target = netip.MustParseAddrPort("10.0.0.1:0") },
		"IPv6":           func(p *Plan) { p.Target = netip.MustParseAddrPort("[::1]:80") },
		"no sources":     func(p *Plan) { p.Sources = netip.Prefix{} },
		"no rate":        func(p *Plan) { p.Rate = 0 },
		"no time":        func(p *Plan) { p.Duration = 0 },
	} {
		p := plan()
		change(&p)
		if err := p.Validate(); !errors.Is(err, ErrPlan) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlan_HasAsManySendersAsAsked(t *testing.T) {
	p := plan()
	if got := p.senders(); got != 1<<17*ports {
		t.Errorf("%d senders", got)
	}
	p.Connections = 7
	if got := p.senders(); got != 7 {
		t.Errorf("%d senders, want 7", got)
	}
}

func BenchmarkSegment(b *testing.B) {
	p := plan()
	s := newSegment(p.Target)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.from(&p, uint64(i))
	}
}
