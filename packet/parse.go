package packet

// Parse reads the Ethernet, IP and transport headers of f into f.Header and
// returns None if the frame carries a whole TCP, UDP or SCTP packet over IPv4.
// Otherwise it returns the reason:
//
//	Truncated  the frame is too short for its headers
//	NotIPv4    another EtherType, VLAN tags included
//	BadHeader  the IPv4 header is inconsistent or its checksum is wrong
//	Protocol   neither TCP nor UDP nor SCTP, whole or fragment
//	Fragment   a fragment of a TCP, UDP or SCTP packet
//
// The addresses and the protocol of f.Flow are valid if f.L3 is not 0. The ports are
// valid only if Parse returns None. Parse does not change the bytes of the frame.
func Parse(f *Frame) Reason {
	if ParsePlain(f) {
		return None
	}
	return ParseHeaders(f)
}

// ParseHeaders is Parse without ParsePlain. It reads every frame header by header and
// never sets f.Plain.
func ParseHeaders(f *Frame) Reason {
	b := f.Bytes()
	f.Header = Header{}
	if len(b) < EthLen {
		return Truncated
	}
	f.To = Eth(b).Dst().Key()
	if Eth(b).Type() != EtherTypeIPv4 {
		return NotIPv4
	}
	return parseIPv4(f, b)
}

// parseIPv4 reads what follows the Ethernet header of f. b contains the bytes of f.
func parseIPv4(f *Frame, b []byte) Reason {
	if len(b) < EthLen+IPv4Len {
		return Truncated
	}
	ip := IPv4(b[EthLen:])
	headerLen, total := ip.HeaderLen(), int(ip.TotalLen())
	if ip.Version() != 4 || headerLen < IPv4Len || total < headerLen {
		return BadHeader
	}
	if total > len(ip) {
		return Truncated
	}
	if !ip.ChecksumOK() {
		return BadHeader
	}
	f.L3 = EthLen
	f.L4 = uint16(EthLen + headerLen)
	f.IPLen = uint16(total)
	f.Src, f.Dst = AddrFrom4(ip.Src()), AddrFrom4(ip.Dst())
	f.Proto = ip.Proto()
	if f.Proto != ProtoTCP && f.Proto != ProtoUDP && f.Proto != ProtoSCTP {
		return Protocol
	}
	if ip.FlagsOffset()&(IPv4MF|IPv4OffsetMask) != 0 {
		return Fragment
	}
	return parsePorts(f, L4(ip[headerLen:total]))
}

// parsePorts reads the transport header. The headers of all three protocols begin
// with the ports, but parsePorts requires the complete header.
func parsePorts(f *Frame, l4 L4) Reason {
	need := UDPLen
	switch f.Proto {
	case ProtoTCP:
		need = TCPLen
	case ProtoSCTP:
		need = SCTPLen + chunkLen
	}
	if len(l4) < need {
		return Truncated
	}
	f.SrcPort, f.DstPort = l4.SrcPort(), l4.DstPort()
	switch f.Proto {
	case ProtoTCP:
		f.TCPFlags = l4.TCPFlags()
	case ProtoSCTP:
		f.Chunk = l4.chunk()
	}
	return None
}

// IP returns a view of the IP packet, from its header to its end. Precondition: Parse
// found an IPv4 header.
func (f *Frame) IP() IPv4 {
	b := f.Bytes()
	return IPv4(b[f.L3 : uint32(f.L3)+uint32(f.IPLen)])
}

// Transport returns a view of the packet from its transport header to its end.
// Precondition: Parse returned None.
func (f *Frame) Transport() L4 {
	b := f.Bytes()
	return L4(b[f.L4 : uint32(f.L3)+uint32(f.IPLen)])
}
