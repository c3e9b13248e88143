package replay_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"director/packet"
)

// The language of frames, as the cases in testdata/cases use it:
//
//	SECONDS INTERFACE SOURCE > DESTINATION PROTOCOL [WHAT] [ATTRIBUTE...] [| INNER PACKET]
//
//	0.000 eth0 198.51.100.7:40000 > 192.0.2.10:80 tcp S tos=0x10 df
//	0.000 eth0 198.51.100.7:40000 > 192.0.2.10:80 sctp C-ECHO+ABORT
//	0.000 eth0 198.51.100.7 > 192.0.2.10 icmp 3/4 mtu=1300 | 192.0.2.10:80 > 198.51.100.7:40000 tcp A quote=28
//	0.000 eth1 10.0.0.1 > 10.0.0.13 ipip ttl=63 | 198.51.100.7:40000 > 192.0.2.10:80 tcp S ttl=63
//
// WHAT is TCP's flags (S A F R P U, or - for none), ICMP's type/code or SCTP's
// chunks. Fields that the line does not give have the values of newPkt, which are those
// of an ordinary host. Checksums are correct unless the line says otherwise.
// testdata/README.md lists the attributes. A printed line builds the same frame again.

// frame is one frame on one interface.
type frame struct {
	at       time.Duration
	iface    string
	from, to packet.MAC
	pkt      *pkt
	unpadded bool   // shorter than a frame on the wire
	raw      []byte // a frame that the language cannot express
}

// pkt is a packet: IPv4, or ARP if proto says so.
type pkt struct {
	src, dst      netip.AddrPort // without ports: port 0
	proto         string
	what          string
	ttl           number
	tos           hexNumber
	id            number
	options       hexBytes // of the IP header
	fragment      fragment
	seq           number // TCP's, ICMP's identifier, SCTP's verification tag
	ack, win      number // TCP's
	mtu           number // the lower half of ICMP's second word
	tcpOptions    hexBytes
	length        number // of the payload, whose bytes are 0, 1, 2 and so on
	data          text   // the payload as a text, instead of length
	hex           raw    // the bytes of a later fragment, if not those of the described packet
	cut           number // the length to which the packet is cut, also in its header; 0: complete
	quote         number // the number of bytes that are quoted; 0: all
	sum           checksum
	summed        ends // the ends for which the transport's checksum is right; none: the packet's own
	df            toggle
	badSum, noSum toggle // the transport's checksum is wrong by one; is 0
	csum          toggle // GRE has a checksum
	inner         *pkt
	open          map[string]string // the fields that the line leaves open, see open_test.go
}

func newPkt() *pkt { return &pkt{ttl: 64, win: 512} }

// attribute is one of the words after the protocol.
type attribute struct {
	name  string
	value interface {
		Set(string) error
		String() string
	}
}

// attributes returns all attributes, in the order in which they are printed.
func (p *pkt) attributes() []attribute {
	return []attribute{
		{"ttl", &p.ttl}, {"tos", &p.tos}, {"id", &p.id}, {"opt", &p.options}, {"frag", &p.fragment},
		{"seq", &p.seq}, {"ack", &p.ack}, {"win", &p.win}, {"mtu", &p.mtu}, {"tcpopt", &p.tcpOptions},
		{"len", &p.length}, {"data", &p.data}, {"hex", &p.hex}, {"cut", &p.cut}, {"quote", &p.quote},
		{"sum", &p.sum}, {"summed", &p.summed},
		{"df", &p.df}, {"badsum", &p.badSum}, {"nosum", &p.noSum}, {"csum", &p.csum},
	}
}

// ports reports whether the packet has ports. A fragment that is not the first has none.
func (p *pkt) ports() bool {
	switch p.proto {
	case "tcp", "udp", "sctp", "gue":
		return p.fragment.offset == 0
	}
	return false
}

// end prints one end of the packet. Its port may be a name, if it is left open.
func (p *pkt) end(a netip.AddrPort, port string) string {
	switch {
	case !p.ports():
		return a.Addr().String()
	case p.open[port] != "":
		return a.Addr().String() + ":" + p.open[port]
	}
	return a.String()
}

// String prints the packet. The time to live is always printed, other attributes only if
// they differ from those of newPkt.
func (p *pkt) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s > %s %s", p.end(p.src, "sport"), p.end(p.dst, "dport"), p.proto)
	if p.what != "" {
		b.WriteString(" " + p.what)
	}
	usual := newPkt().attributes()
	for i, a := range p.attributes() {
		v := a.value.String()
		if p.open[a.name] != "" {
			v = p.open[a.name]
		} else if v == usual[i].value.String() && (a.name != "ttl" || p.proto == "arp") {
			continue
		}
		b.WriteString(" " + a.name)
		if _, is := a.value.(*toggle); !is {
			b.WriteString("=" + v)
		}
	}
	if p.inner != nil {
		b.WriteString(" | " + p.inner.String())
	}
	return b.String()
}

// print prints the frame. Ethernet addresses are printed as names of stations, and only if
// they differ from the usual ones of the packet's IP addresses.
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
	if f.unpadded {
		s += " unpadded"
	}
	return s
}
