package packet

import "encoding/binary"

// quotedLen is how much of the transport header an ICMP error shows at least
// (RFC 792): the ports, for every protocol of ours.
const quotedLen = 8

// Quote is the packet that an ICMP error is about, as the error quotes it. L3
// and L4 are the offsets of its headers from the first byte of the frame that
// carries the error. IPLen is the length that its header claims; the error
// seldom shows all of it.
//
// A packet of a tunnel is about the packet inside: Flow and offsets are the
// inner packet's, and Outer is what was around it.
type Quote struct {
	Flow
	L3, L4 uint16
	IPLen  uint16
	TOS    uint8
	DF     bool
	// Later says that the packet was a fragment other than the first: it has no
	// transport header, and the ports are 0.
	Later bool
	Outer Outer
}

// Outer is the outer header of a quoted packet of a tunnel. L3 is its offset from
// the first byte of the frame, 0 where there is none. Port is the one that GUE
// was sent to.
type Outer struct {
	Src, Dst Addr
	L3       uint16
	IPLen    uint16
	Port     uint16
	DF       bool
	Encap    Encap
}

// Fits reports whether a packet of tunnel t has such an outer header.
func (o *Outer) Fits(t Tunnel) bool {
	return o.Encap == t.Encap && (o.Encap != GUE || o.Port == t.Port)
}

// ParseQuote reads the packet that f, an ICMP error of a type that concerns
// connections, quotes. It reports false for every other packet, for a fragment
// of an error, and for an error that does not show enough: of a packet of a
// tunnel it must show the ports inside. GUE counts as the UDP that it is. Neither
// the error's checksum nor the quoted header's is looked at. Where it reports
// false, q means nothing. Precondition: Parse found an IPv4 header.
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

// ParseGUE goes on reading the datagram of UDP that q is about: if it carries a
// packet as our GUE does, q becomes about the packet inside. Any datagram may
// look so; whether it was a tunnel's only the ports can tell. Where it reports
// false, q means nothing. Precondition: ParseQuote(f, q) returned true.
func ParseGUE(f *Frame, q *Quote) bool {
	b := f.whole()
	at := int(q.L4) + UDPLen
	if q.Proto != ProtoUDP || q.Later || q.Outer.L3 != 0 ||
		len(b) < at+GUELen || binary.BigEndian.Uint32(b[at:]) != GUEHeader {
		return false
	}
	port := q.DstPort
	ok := q.enter(b, GUE, UDPLen+GUELen)
	q.Outer.Port = port
	return ok
}

// whole returns the frame up to the end of its IP packet.
func (f *Frame) whole() []byte { return f.Bytes()[:uint32(f.L3)+uint32(f.IPLen)] }

// greLen returns the length of the GRE header behind the IPv4 header that was
// just read, if it is one as ours.
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

// enter reads the packet inside of the one that was just read, behind n bytes of
// the tunnel's own.
func (q *Quote) enter(b []byte, e Encap, n uint16) bool {
	if q.Later {
		return false
	}
	outer := Outer{Src: q.Src, Dst: q.Dst, L3: q.L3, IPLen: q.IPLen, DF: q.DF, Encap: e}
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
	q.IPLen, q.TOS, q.DF = ip.TotalLen(), ip.TOS(), ip.DF()
	q.Later = ip.FlagsOffset()&IPv4OffsetMask != 0
	return true
}

// readPorts reads the ports of the packet whose IPv4 header was just read.
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

// Unwrap cuts the ICMP error f down to the packet that it quotes, as far as it
// shows it: the quoted packet becomes the frame's, behind the same Ethernet
// header, without what was around it. So the director can answer a client whose
// packet an error about a tunnel quotes as if the packet had just come, which is
// how the kernel relays such errors (ip_vs_in_icmp). The header keeps the length
// and the checksum that it was quoted with; f.IPLen is what is there.
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
