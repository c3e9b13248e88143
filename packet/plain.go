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

// What the type and the first byte of the IPv4 header are in a plain frame, and
// the bits of the flags and offset that must not be set, read in the byte order
// that costs nothing.
const (
	plainStart     = 0x450008
	plainStartMask = 0xffffff
	fragmentMask   = (IPv4MF|IPv4OffsetMask)&0xff<<8 | (IPv4MF|IPv4OffsetMask)>>8
)

// ParsePlain is Parse for a plain frame. It reports false, with f.Header undefined,
// for every other frame and for what is wrong in any way. No field is written
// twice.
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

// SetIPv4 writes the EtherType.
func (b *Plain) SetIPv4() { Eth(b[:]).SetType(EtherTypeIPv4) }

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

// UDPChecksum returns the checksum of a datagram; 0 means none.
func (b *Plain) UDPChecksum() uint16 {
	return binary.BigEndian.Uint16(b[plainL4+udpChecksum:])
}

// Mend applies a change to the transport checksum of protocol proto, which must
// be there. A datagram's never becomes 0, which would mean none (RFC 768).
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
