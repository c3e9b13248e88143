package afpacket

import (
	"encoding/binary"

	"director/packet"
)

// Ethertypes, header lengths and offsets for segmentation.
const (
	ethLen    = 14
	ethIPv4   = 0x0800
	ethIPv6   = 0x86dd
	ethVLAN   = 0x8100 // IEEE 802.1Q
	ethQinQ   = 0x88a8 // IEEE 802.1ad
	maxTags   = 2
	ipv4Len   = 20
	ipv6Len   = 40
	tcpLen    = 20
	udpLen    = 8
	tcpFlags  = 13 // offset in the TCP header
	tcpCsum   = 16
	udpCsum   = 6
	sctpCsum  = 8
	tcpFIN    = 0x01
	tcpPSH    = 0x08
	tcpCWR    = 0x80
	fragments = 0x3fff // more-fragments bit and offset of IPv4
)

// super is a super-packet that is being segmented. The segments are those that
// tcp_gso_segment, __udp_gso_segment and inet_gso_segment of the kernel would make.
// They are written to other memory, so they can be made a few at a time.
type super struct {
	frame  []byte // begins with the Ethernet header, ends with the payload; nil: none
	l3, l4 int    // offsets of the IP and transport headers
	head   int    // offset of the payload
	size   int    // bytes of payload in every segment except the last
	pos    int    // offset of the payload that is not segmented yet
	count  uint16 // number of segments made so far
	v6     bool
	tcp    bool
	csum   bool // whether the packet has a transport checksum
}

// begin starts to segment frame, which o describes. It returns false if the frame
// cannot be segmented: its kind is unknown, or its headers are incomplete or do not
// match the kind.
func (s *super) begin(frame []byte, o offload) bool {
	*s = super{size: int(o.size), tcp: o.gso != gsoUDP, csum: true}
	proto, ok := s.findIP(frame)
	if !ok || o.size == 0 || !s.findTransport(frame, proto, o) || s.head >= len(frame) {
		return false
	}
	s.frame, s.pos = frame, s.head
	return true
}

// pending reports whether there are segments left to make.
func (s *super) pending() bool { return s.frame != nil }

// segmentLen returns the length of the longest segment.
func (s *super) segmentLen() int { return s.head + min(s.size, len(s.frame)-s.head) }

// next writes the next segment to dst and returns its length. After the last one,
// pending returns false. Precondition: pending returns true, and dst has room for
// segmentLen bytes.
func (s *super) next(dst []byte) int {
	end := min(s.pos+s.size, len(s.frame))
	n := s.head + copy(dst[s.head:], s.frame[s.pos:end])
	copy(dst, s.frame[:s.head])
	dst = dst[:n]

	s.fixIP(dst)
	if s.tcp {
		s.fixTCP(dst[s.l4:], end == len(s.frame))
	} else {
		binary.BigEndian.PutUint16(dst[s.l4+4:], uint16(n-s.l4))
	}
	s.fixChecksum(dst)

	s.pos = end
	s.count++
	if end == len(s.frame) {
		s.frame = nil
	}
	return n
}

// findIP sets l3 and l4 and returns the protocol of the transport header.
func (s *super) findIP(frame []byte) (proto uint8, ok bool) {
	s.l3 = ethLen
	for range maxTags {
		if len(frame) < s.l3+tagLen {
			return 0, false
		}
		if t := binary.BigEndian.Uint16(frame[s.l3-2:]); t != ethVLAN && t != ethQinQ {
			break
		}
		s.l3 += tagLen
	}
	if len(frame) < s.l3+ipv4Len {
		return 0, false
	}
	ip := frame[s.l3:]
	switch binary.BigEndian.Uint16(frame[s.l3-2:]) {
	case ethIPv4:
		ihl := int(ip[0]&0xf) * 4
		s.l4 = s.l3 + ihl
		whole := binary.BigEndian.Uint16(ip[6:])&fragments == 0
		return ip[9], whole && ip[0]>>4 == 4 && ihl >= ipv4Len
	case ethIPv6:
		s.v6 = true
		s.l4 = s.l3 + ipv6Len
		return ip[6], ip[0]>>4 == 6 && len(ip) >= ipv6Len
	}
	return 0, false
}

// findTransport sets head. It returns false if the transport header does not match o.
func (s *super) findTransport(frame []byte, proto uint8, o offload) bool {
	switch {
	case o.gso == gsoTCP4 && !s.v6 || o.gso == gsoTCP6 && s.v6:
		if proto != packet.ProtoTCP || len(frame) < s.l4+tcpLen {
			return false
		}
		doff := int(frame[s.l4+12]>>4) * 4
		s.head = s.l4 + doff
		return doff >= tcpLen
	case o.gso == gsoUDP:
		if proto != packet.ProtoUDP || len(frame) < s.l4+udpLen {
			return false
		}
		s.head = s.l4 + udpLen
		s.csum = o.needsCsum || binary.BigEndian.Uint16(frame[s.l4+udpCsum:]) != 0
		return true
	}
	return false
}

// fixIP writes the fields that differ between the IP headers of the segments: the
// length, and in IPv4 also the identification, which increases by one, and the
// checksum.
func (s *super) fixIP(seg []byte) {
	ip := seg[s.l3:]
	if s.v6 {
		binary.BigEndian.PutUint16(ip[4:], uint16(len(ip)-ipv6Len))
		return
	}
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	binary.BigEndian.PutUint16(ip[4:], binary.BigEndian.Uint16(ip[4:])+s.count)
	binary.BigEndian.PutUint16(ip[10:], 0)
	binary.BigEndian.PutUint16(ip[10:], ^packet.Sum(seg[s.l3:s.l4], 0))
}

// fixTCP writes the fields that differ between the TCP headers: the sequence number
// and the flags. Only the last segment has FIN and PSH, and only the first has CWR
// (RFC 3168 §6.1.2).
func (s *super) fixTCP(tcp []byte, last bool) {
	seq := binary.BigEndian.Uint32(tcp[4:])
	binary.BigEndian.PutUint32(tcp[4:], seq+uint32(s.pos-s.head))
	if !last {
		tcp[tcpFlags] &^= tcpFIN | tcpPSH
	}
	if s.count > 0 {
		tcp[tcpFlags] &^= tcpCWR
	}
}

// fixChecksum computes the transport checksum. It cannot be derived from that of the
// super-packet, which is partial or covers the whole payload.
func (s *super) fixChecksum(seg []byte) {
	if !s.csum {
		return
	}
	proto, field := uint32(packet.ProtoUDP), s.l4+udpCsum
	if s.tcp {
		proto, field = packet.ProtoTCP, s.l4+tcpCsum
	}
	addrs := seg[s.l3+12 : s.l3+20]
	if s.v6 {
		addrs = seg[s.l3+8 : s.l3+40]
	}
	pseudo := packet.Sum(addrs, proto+uint32(len(seg)-s.l4))
	binary.BigEndian.PutUint16(seg[field:], 0)
	sum := ^packet.Sum(seg[s.l4:], uint32(pseudo))
	if sum == 0 && !s.tcp {
		sum = 0xffff // 0 means "no checksum" (RFC 768)
	}
	binary.BigEndian.PutUint16(seg[field:], sum)
}
