package packet

import (
	"encoding/binary"
	"math/bits"
)

// PlainLen is the length in bytes of the headers of a plain frame. Ethernet's
// padding makes every frame so long.
const PlainLen = EthLen + IPv4Len + TCPLen

// Plain is the front of a plain frame, which nearly all frames are: a whole TCP
// segment or UDP datagram behind an IPv4 header without options. Its length is
// known to the compiler, so its fields are read and written without asking
// again whether they are there, and as wide as they stand.
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

// Front returns the front of a plain frame. Precondition: Parse found f.Plain.
func (f *Frame) Front() *Plain { return (*Plain)(f.Buf[f.Off:]) }

// parsePlain reads a plain frame of length bytes. It reports false, with
// f.Header undefined, for every other frame and for what is wrong in any way.
// No field is written twice.
func parsePlain(f *Frame, b *Plain, length int) bool {
	if binary.BigEndian.Uint32(b[plainType:])>>8 != EtherTypeIPv4<<8|4<<4|IPv4Len/4 {
		return false
	}
	total, proto := binary.BigEndian.Uint16(b[plainTotal:]), b[plainProto]
	least := uint16(IPv4Len + TCPLen)
	if proto == ProtoUDP {
		least = IPv4Len + UDPLen
	} else if proto != ProtoTCP {
		return false
	}
	if total < least || int(total) > length-EthLen || binary.BigEndian.Uint16(b[plainFrag:])&(IPv4MF|IPv4OffsetMask) != 0 ||
		!plainChecksumOK((*[IPv4Len]byte)(b[EthLen:])) {
		return false
	}
	f.Src, f.Dst = AddrFrom4(binary.BigEndian.Uint32(b[plainSrc:])), AddrFrom4(binary.BigEndian.Uint32(b[plainDst:]))
	ports := binary.BigEndian.Uint32(b[plainL4:])
	f.SrcPort, f.DstPort = uint16(ports>>16), uint16(ports)
	f.Proto = proto
	f.L3, f.L4, f.IPLen = EthLen, plainL4, total
	f.Plain, f.Chunk, f.TCPFlags = true, 0, 0
	f.To = MACKey(binary.LittleEndian.Uint64(b[0:]) & (1<<48 - 1))
	if proto == ProtoTCP {
		f.TCPFlags = b[plainL4+tcpFlags]
	}
	return true
}

// plainChecksumOK reports whether an IPv4 header without options sums up. It is
// summed in words of 64 bits, in whatever byte order: that the sum is 0xffff does
// not depend on it (RFC 1071 §2). 2^16 is 1 modulo 0xffff, so a sum of any width
// is that of its 16-bit words, and of the two that stand for nothing only 0xffff
// can be meant: the header is not all zero.
func plainChecksumOK(b *[IPv4Len]byte) bool {
	s, carry := bits.Add64(binary.LittleEndian.Uint64(b[0:]), binary.LittleEndian.Uint64(b[8:]), 0)
	s, carry = bits.Add64(s, uint64(binary.LittleEndian.Uint32(b[16:])), carry)
	return (s+carry)%0xffff == 0
}

// SetAddrs writes both Ethernet addresses.
func (b *Plain) SetAddrs(dst, src *MAC) { Eth(b[:]).SetAddrs(dst, src) }

// TTL returns the time to live.
func (b *Plain) TTL() uint8 { return b[plainTTL] }

// Forward takes one off the time to live, as a router does, and mends the header
// checksum for that and for the changes in delta. Precondition: the TTL is not 0.
func (b *Plain) Forward(delta Delta) {
	w := binary.BigEndian.Uint32(b[plainTTL:])
	sum := (delta + hop).Apply(uint16(w))
	binary.BigEndian.PutUint32(b[plainTTL:], (w-1<<24)&0xffff0000|uint32(sum))
}

// SwapSrc writes the source address and returns what that changes.
func (b *Plain) SwapSrc(addr uint32) Delta {
	d := Delta(0).Replace32(binary.BigEndian.Uint32(b[plainSrc:]), addr)
	binary.BigEndian.PutUint32(b[plainSrc:], addr)
	return d
}

// SwapDst writes the destination address and returns what that changes.
func (b *Plain) SwapDst(addr uint32) Delta {
	d := Delta(0).Replace32(binary.BigEndian.Uint32(b[plainDst:]), addr)
	binary.BigEndian.PutUint32(b[plainDst:], addr)
	return d
}

// SwapSrcPort writes the source port and returns what that changes.
func (b *Plain) SwapSrcPort(port uint16) Delta {
	d := Delta(0).Replace16(binary.BigEndian.Uint16(b[plainL4:]), port)
	binary.BigEndian.PutUint16(b[plainL4:], port)
	return d
}

// SwapDstPort writes the destination port and returns what that changes.
func (b *Plain) SwapDstPort(port uint16) Delta {
	d := Delta(0).Replace16(binary.BigEndian.Uint16(b[plainL4+2:]), port)
	binary.BigEndian.PutUint16(b[plainL4+2:], port)
	return d
}

// L4 returns the view of the front of the transport header, as long as TCP's.
func (b *Plain) L4() L4 { return L4(b[plainL4:]) }
