package replay_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/packet"
	"director/replay/pcap"
)

// decode puts a captured frame into words. What the language cannot say comes
// out as plain bytes: the words would build another frame.
func decode(c *pcap.Frame, begin int64) *frame {
	f := &frame{at: at(c.Time, begin), iface: c.Interface}
	read := gopacket.NewPacket(c.Data, layers.LayerTypeEthernet, gopacket.Default).Layers()
	if eth, ok := read[0].(*layers.Ethernet); ok {
		f.from, f.to = packet.MAC(eth.SrcMAC), packet.MAC(eth.DstMAC)
		f.pkt = words(read[1:])
	}
	if f.pkt == nil {
		return &frame{at: f.at, iface: f.iface, raw: c.Data}
	}
	for _, variant := range []struct{ bad, no bool }{{}, {bad: true}, {no: true}} {
		f.pkt.badSum, f.pkt.noSum = variant.bad, variant.no
		if bytes.Equal(f.bytes(), c.Data) {
			return f
		}
	}
	return &frame{at: f.at, iface: f.iface, raw: c.Data}
}

// words reads the layers of a packet, or returns nil.
func words(read []gopacket.Layer) *pkt {
	if len(read) == 0 {
		return nil
	}
	p := newPkt()
	switch l := read[0].(type) {
	case *layers.ARP:
		p.proto = "arp"
		p.src, p.dst = addrPort(l.SourceProtAddress, 0), addrPort(l.DstProtAddress, 0)
		return p
	case *layers.IPv4:
		p.ttl, p.tos, p.id = uint64(l.TTL), uint64(l.TOS), uint64(l.Id)
		p.df, p.mf = l.Flags&layers.IPv4DontFragment != 0, l.Flags&layers.IPv4MoreFragments != 0
		return p.transport(l, read[1:])
	}
	return nil
}

func (p *pkt) transport(ip *layers.IPv4, read []gopacket.Layer) *pkt {
	if len(read) == 0 {
		return nil
	}
	var src, dst uint16
	switch l := read[0].(type) {
	case *layers.TCP:
		p.proto, src, dst = "tcp", uint16(l.SrcPort), uint16(l.DstPort)
		p.seq, p.ack, p.win = uint64(l.Seq), uint64(l.Ack), uint64(l.Window)
		for i, flag := range tcpFlags(l) {
			if *flag {
				p.what += tcpFlagLetters[i : i+1]
			}
		}
		if p.what == "" {
			p.what = "-"
		}
		p.length = uint64(len(l.Payload))
	case *layers.UDP:
		p.proto, src, dst = "udp", uint16(l.SrcPort), uint16(l.DstPort)
		p.length = uint64(len(l.Payload))
	case *layers.ICMPv4:
		p.proto = "icmp"
		p.what = fmt.Sprintf("%d/%d", l.TypeCode.Type(), l.TypeCode.Code())
		p.seq, p.length = uint64(l.Id), uint64(len(l.Payload))
	case *layers.IPv4:
		p.proto = "ipip"
		if p.inner = words(read); p.inner == nil {
			return nil
		}
	default:
		return nil
	}
	p.src, p.dst = addrPort(ip.SrcIP, src), addrPort(ip.DstIP, dst)
	return p
}

func addrPort(ip net.IP, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}
