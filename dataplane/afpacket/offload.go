package afpacket

import (
	"encoding/binary"

	"director/packet"
)

// Sizes of headers in front of a frame or in it.
const (
	vnetLen = 10 // struct virtio_net_hdr, in front of every frame
	tagLen  = 4  // an IEEE 802.1Q tag
	macsLen = 12 // both Ethernet addresses; the tag follows them
)

// Bits and values of struct virtio_net_hdr (Virtual I/O Device 1.2, 5.1.6).
const (
	vnetNeedsCsum = 1    // VIRTIO_NET_HDR_F_NEEDS_CSUM
	gsoNone       = 0    // VIRTIO_NET_HDR_GSO_NONE
	gsoTCP4       = 1    // VIRTIO_NET_HDR_GSO_TCPV4
	gsoTCP6       = 4    // VIRTIO_NET_HDR_GSO_TCPV6
	gsoUDP        = 5    // VIRTIO_NET_HDR_GSO_UDP_L4
	gsoECN        = 0x80 // VIRTIO_NET_HDR_GSO_ECN: CWR may be set
)

// offload describes the work on a frame that the kernel has left to the NIC.
type offload struct {
	gso       uint8  // kind of super-packet, without the ECN bit
	size      uint16 // bytes of payload in each segment
	needsCsum bool   // whether the checksum is only the sum of the pseudo-header
	start     int    // offset at which the checksummed data begins
	field     int    // offset of the checksum field
}

// parseOffload reads a virtio_net_hdr. Packet sockets use the legacy form, in
// the machine's byte order (vio_le in net/packet/af_packet.c).
func parseOffload(b []byte) offload {
	start := int(binary.NativeEndian.Uint16(b[6:]))
	return offload{
		needsCsum: b[0]&vnetNeedsCsum != 0,
		gso:       b[1] &^ gsoECN,
		size:      binary.NativeEndian.Uint16(b[4:]),
		start:     start,
		field:     start + int(binary.NativeEndian.Uint16(b[8:])),
	}
}

// completeChecksum completes a checksum that the sending stack left to the NIC. It
// returns false if the field is outside the frame. The kernel describes the CRC of SCTP
// like an Internet checksum (virtio_net_hdr_from_skb in linux/virtio_net.h).
func completeChecksum(frame []byte, o offload) bool {
	if o.start > o.field || o.field+2 > len(frame) {
		return false
	}
	if o.field-o.start == sctpCsum {
		completeSCTP(frame, o.start)
		return true
	}
	binary.BigEndian.PutUint16(frame[o.field:], packet.Written(^packet.Sum(frame[o.start:], 0)))
	return true
}

// completeSCTP completes the checksum of the SCTP packet that begins at start. A frame that
// is not a whole SCTP packet over IPv4 is never balanced and stays as it is.
func completeSCTP(frame []byte, start int) {
	f := packet.Frame{Buf: frame, Len: int32(len(frame))}
	if packet.ParseHeaders(&f) == packet.None && f.Proto == packet.ProtoSCTP && int(f.L4) == start {
		f.Transport().UpdateSCTPChecksum()
	}
}

// insertTag inserts a VLAN tag after the addresses of the frame that starts at
// mem[start]. It moves the addresses into the space in front of the frame and returns
// the new start. Precondition: start >= tagLen.
func insertTag(mem []byte, start int, tpid, tci uint16) int {
	to := start - tagLen
	copy(mem[to:to+macsLen], mem[start:start+macsLen])
	binary.BigEndian.PutUint16(mem[to+macsLen:], tpid)
	binary.BigEndian.PutUint16(mem[to+macsLen+2:], tci)
	return to
}
