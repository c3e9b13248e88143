package packet

import "encoding/binary"

// quotedLen is the number of bytes of the transport header that an ICMP error quotes
// at least (RFC 792). They contain the ports of TCP, UDP and SCTP.
const quotedLen = 8

// Quote describes the packet that an ICMP error quotes. L3 and L4 are the offsets of
// its headers from the first byte of the frame that carries the error. IPLen is the
// length in its IPv4 header; an error usually quotes less than that.
//
// If the quoted packet is a tunnel packet, Flow and the offsets are those of the
// inner packet, and Outer describes the outer header.
type Quote struct {
	Flow
	L3, L4 uint16
	IPLen  uint16
	ID     uint16
	TOS    uint8
	DF     bool
	// Later reports whether the packet is a fragment other than the first. Such a
	// fragment has no transport header, and the ports are 0.
	Later bool
	Outer Outer
}

// Outer describes the outer header of a quoted tunnel packet. L3 is its offset from
// the first byte of the frame, or 0 if there is no outer header. Port is the
// destination port of GUE, and SrcPort its source port.
type Outer struct {
	Src, Dst Addr
	L3       uint16
	IPLen    uint16
	ID       uint16
	Port     uint16
	SrcPort  uint16
	DF       bool
	Encap    Encap
}

// Fits reports whether the packets of tunnel t have this outer header.
func (o *Outer) Fits(t Tunnel) bool {
	return o.Encap == t.Encap && (o.Encap != GUE || o.Port == t.Port)
}

// ParseQuote reads the packet that the ICMP error f quotes. f must be of a type that
// concerns connections. ParseQuote returns false for every other packet, for a
// fragment of an error, and for an error that quotes too little. Of a tunnel packet,
// the error must quote the ports of the inner packet. ParseQuote treats GUE as plain
// UDP: see ParseGUE. It checks neither the checksum of the error nor that of the
// quoted header. If it returns false, q is undefined. Precondition: Parse found an
// IPv4 header.
func ParseQuote(f *Frame, q *Quote) bool {
	ip := f.IP()
	if f.Proto != ProtoICMP || ip.FlagsOffset()&(IPv4MF|IPv4OffsetMask) != 0 {
		return false
	}
	b := f.whole()
	if len(b) < int(f.L4)+ICMPLen {
		return false
	}
	switch ICMP(b[f.L4:]).Type() {
	case ICMPUnreachable, ICMPSourceQuench, ICMPTimeExceeded:
	default:
		return false
	}
	*q = Quote{}
	if !q.read(b, f.L4+ICMPLen) {
		return false
	}
	switch q.Proto {
	case ProtoIPIP:
		return q.enter(b, IPIP, 0)
	case ProtoGRE:
		n, ok := q.greLen(b)
		return ok && q.enter(b, GRE, n)
	}
	return q.readPorts(b)
}

// ParseGUE reads the inner packet of the UDP datagram that q describes. If the
// datagram carries a packet in the director's form of GUE, q then describes the inner
// packet. Any datagram may look like that; only the ports show whether it belonged to
// a tunnel. If ParseGUE returns false, q is undefined. Precondition: ParseQuote(f, q)
// returned true.
func ParseGUE(f *Frame, q *Quote) bool {
	b := f.whole()
	at := int(q.L4) + UDPLen
	if q.Proto != ProtoUDP || q.Later || q.Outer.L3 != 0 ||
		len(b) < at+GUELen || binary.BigEndian.Uint32(b[at:]) != GUEHeader {
		return false
	}
	from, to := q.SrcPort, q.DstPort
	ok := q.enter(b, GUE, UDPLen+GUELen)
	q.Outer.SrcPort, q.Outer.Port = from, to
	return ok
}

// whole returns the frame up to the end of its IP packet, without Ethernet padding.
func (f *Frame) whole() []byte { return f.Bytes()[:uint32(f.L3)+uint32(f.IPLen)] }

// greLen returns the length of the GRE header that follows the IPv4 header just read.
// ok is false if it is not a GRE header as the director writes it.
func (q *Quote) greLen(b []byte) (n uint16, ok bool) {
	if len(b) < int(q.L4)+GRELen {
		return 0, false
	}
	switch binary.BigEndian.Uint32(b[q.L4:]) {
	case GREHeader:
		return GRELen, true
	case GREHeader | GREChecksum:
		return GRELen + GREChecksumLen, true
	}
	return 0, false
}

// enter reads the inner packet of the packet just read. n is the length in bytes of
// the tunnel header between the two IPv4 headers.
func (q *Quote) enter(b []byte, e Encap, n uint16) bool {
	if q.Later {
		return false
	}
	outer := Outer{Src: q.Src, Dst: q.Dst, L3: q.L3, IPLen: q.IPLen, ID: q.ID, DF: q.DF, Encap: e}
	ok := q.read(b, q.L4+n) && q.readPorts(b)
	q.Outer = outer
	return ok
}

// read reads the IPv4 header at offset at of b.
func (q *Quote) read(b []byte, at uint16) bool {
	if len(b) < int(at)+IPv4Len {
		return false
	}
	ip := IPv4(b[at:])
	headerLen := ip.HeaderLen()
	if ip.Version() != 4 || headerLen < IPv4Len || headerLen > len(ip) {
		return false
	}
	q.Flow = Flow{Src: AddrFrom4(ip.Src()), Dst: AddrFrom4(ip.Dst()), Proto: ip.Proto()}
	q.L3, q.L4 = at, at+uint16(headerLen)
	q.IPLen, q.ID, q.TOS, q.DF = ip.TotalLen(), ip.ID(), ip.TOS(), ip.DF()
	q.Later = ip.FlagsOffset()&IPv4OffsetMask != 0
	return true
}

// readPorts reads the ports of the packet whose IPv4 header read has read.
func (q *Quote) readPorts(b []byte) bool {
	if q.Proto != ProtoTCP && q.Proto != ProtoUDP && q.Proto != ProtoSCTP {
		return false
	}
	if q.Later {
		return true
	}
	if len(b) < int(q.L4)+quotedLen {
		return false
	}
	l4 := L4(b[q.L4:])
	q.SrcPort, q.DstPort = l4.SrcPort(), l4.DstPort()
	return true
}

// Unwrap replaces the ICMP error f by the packet that it quotes, as far as it quotes
// it. The Ethernet header stays; all other headers in front of the quoted packet are
// removed. If an error about a tunnel quotes the packet of a client, the director can
// then answer the client as if that packet had just arrived. The kernel relays such
// errors the same way (ip_vs_in_icmp). The IPv4 header keeps the length and the
// checksum that the error quotes; f.IPLen is the number of bytes that are present.
// Precondition: ParseQuote(f, q) returned true.
func Unwrap(f *Frame, q *Quote) {
	b := f.Bytes()
	shown := uint16(int(f.L3) + int(f.IPLen) - int(q.L3))
	cut := q.L3 - EthLen
	copy(b[cut:], b[:EthLen])
	f.Off += int32(cut)
	f.Len = EthLen + int32(shown)
	f.Header = Header{Flow: q.Flow, L3: EthLen, L4: q.L4 - cut, IPLen: shown, To: f.To}
}
