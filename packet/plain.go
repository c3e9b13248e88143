package packet

import (
	"encoding/binary"
	"math/bits"
)

// PlainLen is the length in bytes of the headers of a plain TCP frame. A plain UDP
// frame is at least as long, because Ethernet pads short frames.
const PlainLen = EthLen + IPv4Len + TCPLen

// Plain contains the headers of a plain frame. A plain frame carries a whole TCP
// segment or UDP datagram after an IPv4 header without options. Nearly all frames are
// plain. The compiler knows the length of Plain, so it needs no bounds checks for the
// fields and can access several adjacent fields at once.
type Plain [PlainLen]byte

// Offsets in a plain frame, in bytes.
const (
	plainType  = 12 // EtherType 2, version and header length 1, TOS 1
	plainTotal = EthLen + 2
	plainFrag  = EthLen + 6
	plainTTL   = EthLen + 8 // TTL 1, protocol 1, checksum 2
	plainProto = EthLen + 9
	plainSrc   = EthLen + 12
	plainDst   = EthLen + 16
	plainL4    = EthLen + IPv4Len
)

// Front returns the headers of a plain frame. Precondition: Parse set f.Plain.
func (f *Frame) Front() *Plain { return (*Plain)(f.Buf[f.Off:]) }

// plainStart is the EtherType and the first byte of the IPv4 header in a plain frame.
// fragmentMask contains the bits of flags and offset that must be 0. Both are in
// little-endian order, because the native byte order of the usual machines needs no
// conversion.
const (
	plainStart     = 0x450008
	plainStartMask = 0xffffff
	fragmentMask   = (IPv4MF|IPv4OffsetMask)&0xff<<8 | (IPv4MF|IPv4OffsetMask)>>8
)

// ParsePlain is Parse for a plain frame. It returns false for every other frame and
// for every invalid frame; f.Header is then undefined. It writes each field only
// once.
func ParsePlain(f *Frame) bool {
	if f.Len < PlainLen {
		return false
	}
	b := f.Front()
	proto := b[plainProto]
	least, flags := uint16(IPv4Len+TCPLen), b[plainL4+tcpFlags]
	if proto != ProtoTCP {
		least, flags = IPv4Len+UDPLen, 0
		if proto != ProtoUDP {
			return false
		}
	}
	total := binary.BigEndian.Uint16(b[plainTotal:])
	if binary.LittleEndian.Uint32(b[plainType:])&plainStartMask != plainStart ||
		binary.LittleEndian.Uint16(b[plainFrag:])&fragmentMask != 0 ||
		total < least || int32(total) > f.Len-EthLen || !plainChecksumOK((*[IPv4Len]byte)(b[EthLen:])) {
		return false
	}
	addrs, ports := binary.BigEndian.Uint64(b[plainSrc:]), binary.BigEndian.Uint32(b[plainL4:])
	f.Src, f.Dst = AddrFrom4(uint32(addrs>>32)), AddrFrom4(uint32(addrs))
	f.SrcPort, f.DstPort, f.Proto = uint16(ports>>16), uint16(ports), proto
	f.L3, f.L4, f.IPLen = EthLen, plainL4, total
	f.TCPFlags, f.Chunk, f.Plain = flags, 0, true
	f.To = MACKey(binary.LittleEndian.Uint64(b[0:]) & (1<<48 - 1))
	return true
}

// plainChecksumOK reports whether the checksum of an IPv4 header without options is
// correct. It sums words of 64 bits. The byte order does not matter for a sum of
// 0xffff (RFC 1071 §2). 2^16 equals 1 modulo 0xffff, so the sum of wide words equals
// the sum of 16-bit words. A sum of 0 modulo 0xffff means 0xffff, because the header
// is not all zero.
func plainChecksumOK(b *[IPv4Len]byte) bool {
	s, carry := bits.Add64(binary.LittleEndian.Uint64(b[0:]), binary.LittleEndian.Uint64(b[8:]), 0)
	s, carry = bits.Add64(s, uint64(binary.LittleEndian.Uint32(b[16:])), carry)
	return (s+carry)%0xffff == 0
}

// SetAddrs writes both Ethernet addresses.
func (b *Plain) SetAddrs(dst, src *MAC) { Eth(b[:]).SetAddrs(dst, src) }

// SetIPv4 writes the EtherType.
func (b *Plain) SetIPv4() { Eth(b[:]).SetType(EtherTypeIPv4) }

// TTL returns the time to live.
func (b *Plain) TTL() uint8 { return b[plainTTL] }

// Forward decrements the time to live, as a router does, and updates the header
// checksum for this change and for the changes in delta. Precondition: the TTL is not
// 0.
func (b *Plain) Forward(delta Delta) {
	w := binary.BigEndian.Uint32(b[plainTTL:])
	sum := (delta + hop).Apply(uint16(w))
	binary.BigEndian.PutUint32(b[plainTTL:], (w-1<<24)&0xffff0000|uint32(sum))
}

// SwapSrc writes the source address and returns the change of the checksum.
func (b *Plain) SwapSrc(addr uint32) Delta {
	d := Delta(0).Replace32(binary.BigEndian.Uint32(b[plainSrc:]), addr)
	binary.BigEndian.PutUint32(b[plainSrc:], addr)
	return d
}

// SwapDst writes the destination address and returns the change of the checksum.
func (b *Plain) SwapDst(addr uint32) Delta {
	d := Delta(0).Replace32(binary.BigEndian.Uint32(b[plainDst:]), addr)
	binary.BigEndian.PutUint32(b[plainDst:], addr)
	return d
}

// SwapSrcPort writes the source port and returns the change of the checksum.
func (b *Plain) SwapSrcPort(port uint16) Delta {
	d := Delta(0).Replace16(binary.BigEndian.Uint16(b[plainL4:]), port)
	binary.BigEndian.PutUint16(b[plainL4:], port)
	return d
}

// SwapDstPort writes the destination port and returns the change of the checksum.
func (b *Plain) SwapDstPort(port uint16) Delta {
	d := Delta(0).Replace16(binary.BigEndian.Uint16(b[plainL4+2:]), port)
	binary.BigEndian.PutUint16(b[plainL4+2:], port)
	return d
}

// UDPChecksum returns the checksum of a UDP datagram. 0 means that it has none.
func (b *Plain) UDPChecksum() uint16 {
	return binary.BigEndian.Uint16(b[plainL4+udpChecksum:])
}

// Mend applies a change to the transport checksum of a packet of protocol proto. The
// packet must have a checksum. A UDP checksum never becomes 0, because 0 means that
// there is none (RFC 768).
func (b *Plain) Mend(proto uint8, delta Delta) {
	at := (*[2]byte)(b[plainL4+tcpChecksum:])
	if proto == ProtoUDP {
		at = (*[2]byte)(b[plainL4+udpChecksum:])
	}
	sum := delta.Apply(binary.BigEndian.Uint16(at[:]))
	if sum == 0 && proto == ProtoUDP {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(at[:], sum)
}
