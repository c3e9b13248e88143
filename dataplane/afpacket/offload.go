package afpacket

import (
	"encoding/binary"

	"director/packet"
)

// Sizes of what precedes or joins a frame.
const (
	vnetLen = 10 // struct virtio_net_hdr, in front of every frame
	tagLen  = 4  // an IEEE 802.1Q tag
	macsLen = 12 // both addresses, which a tag comes after
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

// offload says what the kernel has left undone on a frame.
type offload struct {
	gso       uint8  // what kind of super-packet; the ECN bit is taken off
	size      uint16 // bytes of payload in each of its segments
	needsCsum bool   // the checksum is the pseudo-header's only
	start     int    // it is to cover the frame from here
	field     int    // and goes here
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

// completeChecksum does what the sending stack left to the NIC and reports
// whether the frame has the field. Zero becomes 0xffff as in skb_checksum_help
// (net/core/dev.c): the same number, and in UDP not "no checksum".
func completeChecksum(frame []byte, o offload) bool {
	if o.start > o.field || o.field+2 > len(frame) {
		return false
	}
	sum := ^packet.Sum(frame[o.start:], 0)
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(frame[o.field:], sum)
	return true
}

// insertTag puts a VLAN tag behind the addresses of the frame that starts at
// mem[start] and returns where the frame starts now: the addresses move into
// the room in front. Precondition: start >= tagLen.
func insertTag(mem []byte, start int, tpid, tci uint16) int {
	to := start - tagLen
	copy(mem[to:to+macsLen], mem[start:start+macsLen])
	binary.BigEndian.PutUint16(mem[to+macsLen:], tpid)
	binary.BigEndian.PutUint16(mem[to+macsLen+2:], tci)
	return to
}
