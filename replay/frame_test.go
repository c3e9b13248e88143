package replay_test

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"director/packet"
)

// The language of frames, as the cases in testdata/cases speak it:
//
//	SECONDS INTERFACE SOURCE > DESTINATION PROTOCOL [WHAT] [ATTRIBUTE...] [| INNER PACKET]
//
//	0.000 eth0 198.51.100.7:40000 > 192.0.2.10:80 tcp S tos=0x10 df
//	0.000 eth0 198.51.100.7 > 192.0.2.10 icmp 8/0
//	0.000 eth1 10.0.0.1 > 10.0.0.13 ipip ttl=63 | 198.51.100.7:40000 > 192.0.2.10:80 tcp S ttl=63
//
// WHAT is TCP's flags (S A F R P U, or - for none) or ICMP's type/code. What is
// not said is as a plain host sends it, see newPkt; checksums are right unless
// the line says otherwise. A printed frame is a line that builds the same bytes.

// frame is one frame on one interface.
type frame struct {
	at       time.Duration
	iface    string
	from, to packet.MAC
	pkt      *pkt
	raw      []byte // a frame that the language has no words for
}

// pkt is a packet: IPv4, or ARP where proto says so.
type pkt struct {
	src, dst          netip.AddrPort // the port of what has none is 0
	proto             string         // tcp, udp, icmp, ipip, arp
	what              string
	ttl, tos          uint64
	id, seq, ack, win uint64
	length            uint64 // of the payload
	cut               uint64 // the IP packet ends after so many bytes; 0: it is whole
	df, mf            bool
	badSum, noSum     bool // of TCP or UDP: off by one; UDP's 0
	inner             *pkt // of ipip
}

func newPkt() *pkt { return &pkt{ttl: 64, win: 512} }

// numbers and switches are the attributes, in the order in which they print.
func (p *pkt) numbers() []attribute[uint64] {
	return []attribute[uint64]{
		{"ttl", &p.ttl}, {"tos", &p.tos}, {"id", &p.id}, {"seq", &p.seq}, {"ack", &p.ack},
		{"win", &p.win}, {"len", &p.length}, {"cut", &p.cut},
	}
}

func (p *pkt) switches() []attribute[bool] {
	return []attribute[bool]{{"df", &p.df}, {"mf", &p.mf}, {"badsum", &p.badSum}, {"nosum", &p.noSum}}
}

type attribute[T any] struct {
	name  string
	value *T
}

func (p *pkt) ports() bool { return p.proto == "tcp" || p.proto == "udp" }

// String prints the packet. A time to live is always said, other attributes
// where they are not the usual.
func (p *pkt) String() string {
	var b strings.Builder
	if p.ports() {
		fmt.Fprintf(&b, "%s > %s %s", p.src, p.dst, p.proto)
	} else {
		fmt.Fprintf(&b, "%s > %s %s", p.src.Addr(), p.dst.Addr(), p.proto)
	}
	if p.what != "" {
		b.WriteString(" " + p.what)
	}
	usual := newPkt().numbers()
	for i, n := range p.numbers() {
		if *n.value != *usual[i].value || n.name == "ttl" && p.proto != "arp" {
			format := " %s=%d"
			if n.name == "tos" {
				format = " %s=%#x"
			}
			fmt.Fprintf(&b, format, n.name, *n.value)
		}
	}
	for _, s := range p.switches() {
		if *s.value {
			b.WriteString(" " + s.name)
		}
	}
	if p.inner != nil {
		b.WriteString(" | " + p.inner.String())
	}
	return b.String()
}

// print prints the frame; the stations' names stand for Ethernet addresses, and
// those that the packet's addresses suggest go without saying.
func (n *network) print(f *frame) string {
	s := fmt.Sprintf("%.3f %s ", f.at.Seconds(), f.iface)
	if f.raw != nil {
		return s + hex.EncodeToString(f.raw)
	}
	s += f.pkt.String()
	from, to := n.usual(f)
	if f.from != from {
		s += " from=" + n.name(f.from)
	}
	if f.to != to {
		s += " to=" + n.name(f.to)
	}
	return s
}

// station is a host of the cases' network and the addresses it speaks for.
type station struct {
	name, iface string
	mac         packet.MAC
	prefix      netip.Prefix
}

// network is who is where. A link is a station without a prefix.
type network struct{ stations []station }

// usual returns the Ethernet addresses that the packet's suggest: of the
// station that speaks for the address on this interface, else of the
// interface; ARP asks everybody.
func (n *network) usual(f *frame) (from, to packet.MAC) {
	from, to = n.speaks(f.iface, f.pkt.src.Addr()), n.speaks(f.iface, f.pkt.dst.Addr())
	if f.pkt.proto == "arp" {
		to = packet.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	return from, to
}

func (n *network) speaks(iface string, a netip.Addr) (mac packet.MAC) {
	for _, s := range n.stations {
		switch {
		case s.iface == iface && s.prefix.Contains(a):
			return s.mac
		case s.name == iface:
			mac = s.mac
		}
	}
	return mac
}

func (n *network) name(mac packet.MAC) string {
	for _, s := range n.stations {
		if s.mac == mac {
			return s.name
		}
	}
	return mac.String()
}

// address is the inverse of name.
func (n *network) address(name string) (packet.MAC, error) {
	for _, s := range n.stations {
		if s.name == name {
			return s.mac, nil
		}
	}
	hw, err := net.ParseMAC(name)
	if err != nil || len(hw) != 6 {
		return packet.MAC{}, fmt.Errorf("%q is neither a station nor an Ethernet address", name)
	}
	return packet.MAC(hw), nil
}
