package replay_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/google/gopacket/layers"

	"director/inspect/pcap"
	"director/packet"
)

// decode converts a captured frame to the language of frames. A frame that the language
// cannot express exactly remains plain bytes.
func decode(c *pcap.Frame, begin int64) *frame {
	f := &frame{at: at(c.Time, begin), iface: c.Interface}
	if len(c.Data) > packet.EthLen {
		f.to, f.from = packet.MAC(c.Data[:6]), packet.MAC(c.Data[6:12])
		switch payload := c.Data[packet.EthLen:]; layers.EthernetType(binary.BigEndian.Uint16(c.Data[12:])) {
		case layers.EthernetTypeIPv4:
			f.unpadded = len(c.Data) < minFrame
			if total := ipLength(payload); len(c.Data) == minFrame && total < len(payload) {
				payload = payload[:total]
			}
			f.pkt = decodePkt(payload, false)
		case layers.EthernetTypeARP:
			f.pkt = decodeARP(payload)
		}
	}
	if f.pkt == nil || !bytes.Equal(f.bytes(), c.Data) {
		return &frame{at: f.at, iface: f.iface, raw: c.Data}
	}
	return f
}

// ipLength returns the length in the header of the IP packet.
func ipLength(b []byte) int {
	if len(b) < packet.IPv4Len {
		return len(b)
	}
	return int(binary.BigEndian.Uint16(b[2:]))
}

func decodeARP(b []byte) *pkt {
	if len(b) < 28 {
		return nil
	}
	p := newPkt()
	p.proto = "arp"
	p.src, p.dst = addrPort(b[14:18], 0), addrPort(b[24:28], 0)
	return p
}

// decodePkt reads a packet. A quoted packet may be incomplete. It returns nil if the
// language cannot express the packet.
func decodePkt(b []byte, quoted bool) *pkt {
	if len(b) < packet.IPv4Len || b[0]>>4 != 4 {
		return nil
	}
	ihl, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if ihl < packet.IPv4Len || total < ihl || len(b) < ihl || len(b) > total || len(b) < total && !quoted {
		return nil
	}
	p := newPkt()
	p.ttl, p.tos, p.id = number(b[8]), hexNumber(b[1]), number(binary.BigEndian.Uint16(b[4:]))
	p.src, p.dst = addrPort(b[12:16], 0), addrPort(b[16:20], 0)
	p.options = b[packet.IPv4Len:ihl]
	p.df = b[6]&0x40 != 0
	if len(b) < total {
		p.quote = number(len(b))
	}
	for _, name := range slices.Sorted(maps.Keys(protocols)) {
		if byte(protocols[name]) != b[9] {
			continue
		}
		q := *p
		q.proto = name
		if q.transported(b[ihl:], total-ihl, int(binary.BigEndian.Uint16(b[6:]))) && q.matches(b) {
			return &q
		}
	}
	return nil
}

// matches tries the possible errors of the checksum until the built packet equals b.
func (p *pkt) matches(b []byte) bool {
	at, size := p.checksumAt()
	at += packet.IPv4Len + len(p.options)
	variants := []pkt{*p, *p, *p}
	variants[1].badSum, variants[2].noSum = true, true
	if size > 0 && at+size <= len(b) && p.fragment.offset == 0 {
		v := *p
		for _, c := range b[at : at+size] {
			v.sum = checksum{true, v.sum.value<<8 | uint32(c)}
		}
		variants = append(variants, v)
	}
	for _, v := range variants {
		if bytes.Equal(v.bytes(), b) {
			*p = v
			return true
		}
	}
	return false
}

// transported reads b, the part after the IP header. The complete packet has n bytes
// there. It returns false if the language cannot express them.
func (p *pkt) transported(b []byte, n, flagsAndOffset int) bool {
	offset, more := flagsAndOffset&0x1fff*8, flagsAndOffset&0x2000 != 0
	if offset > 0 || more {
		p.fragment = fragment{offset, n, more}
	}
	if offset > 0 {
		return p.later(b)
	}
	var h [60]byte // the header, filled up with zeros
	copy(h[:], b)
	var load []byte
	behind := func(header int) {
		load = b[min(header, len(b)):]
		n -= header
	}
	switch p.proto {
	case "tcp":
		header := 20
		if len(b) > 12 {
			header = max(header, int(h[12]>>4)*4)
		}
		p.tcpOptions = h[20:header]
		p.readTCP(h[:])
		behind(header)
	case "udp", "gue":
		if more {
			n = int(binary.BigEndian.Uint16(h[4:]))
			p.fragment.more = false
		}
		behind(8)
	case "sctp":
		p.seq = number(binary.BigEndian.Uint32(h[4:]))
		var chunks []byte
		if len(b) >= 12 {
			chunks = b[12:]
		}
		p.what, load = readChunks(chunks)
		n = len(load)
	case "icmp":
		p.what = fmt.Sprintf("%d/%d", h[0], h[1])
		p.seq, p.mtu = number(binary.BigEndian.Uint16(h[4:])), number(binary.BigEndian.Uint16(h[6:]))
		behind(8)
	case "gre":
		header := 4
		if p.csum = h[0]&0x80 != 0; p.csum {
			header = 8
		}
		behind(header)
	default:
		behind(0)
	}
	if p.ports() {
		p.src = netip.AddrPortFrom(p.src.Addr(), binary.BigEndian.Uint16(h[:]))
		p.dst = netip.AddrPortFrom(p.dst.Addr(), binary.BigEndian.Uint16(h[2:]))
	}
	return p.carries(load, n)
}

func (p *pkt) readTCP(h []byte) {
	p.seq, p.ack = number(binary.BigEndian.Uint32(h[4:])), number(binary.BigEndian.Uint32(h[8:]))
	p.win = number(binary.BigEndian.Uint16(h[14:]))
	for i := range tcpFlagLetters {
		if h[13]&(1<<i) != 0 {
			p.what += tcpFlagLetters[i : i+1]
		}
	}
	if p.what == "" {
		p.what = "-"
	}
}

// carries reads the payload. The complete packet has n bytes of it.
func (p *pkt) carries(load []byte, n int) bool {
	switch p.proto {
	case "gue":
		if !bytes.HasPrefix(load, gueHeader) {
			return false
		}
		load = load[len(gueHeader):]
		fallthrough
	case "ipip", "gre":
		if p.inner = decodePkt(load, p.quote > 0 || p.fragment != (fragment{})); p.inner != nil {
			p.inner.quote = 0 // the cut of the outer packet cuts the inner one too
		}
		return p.inner != nil
	case "icmp":
		if len(load) >= packet.IPv4Len && p.quote == 0 {
			if p.inner = decodePkt(load, true); p.inner != nil {
				return true
			}
		}
	}
	switch {
	case n < len(load):
		return false
	case bytes.Equal(load, pattern(len(load))):
		p.length = number(n)
	case n == len(load):
		p.data = text(load)
	default:
		return false
	}
	return true
}

// later reads a fragment that is not the first. It has no transport header.
func (p *pkt) later(b []byte) bool {
	if p.proto == "gue" {
		return false // the fragment could also be of plain UDP
	}
	if p.proto == "tcp" || p.proto == "sctp" {
		p.what = "-"
	}
	header := map[string]int{"tcp": 20, "udp": 8}[p.proto]
	end := p.fragment.offset - header + len(b)
	if header > 0 && p.fragment.offset >= header && bytes.Equal(b, pattern(end)[end-len(b):]) {
		p.length = number(end)
	} else {
		p.hex = b
	}
	return true
}

func addrPort(ip []byte, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}
