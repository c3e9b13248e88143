package vip

import (
	"encoding/binary"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// arpLen is the length of an ARP packet for IPv4 over Ethernet (RFC 826).
const arpLen = 28

// announcement is a gratuitous ARP for ip: the request that RFC 5227 §3 calls
// an ARP Announcement, with sender and target address the same.
func announcement(mac [6]byte, ip netip.Addr) []byte {
	b := make([]byte, arpLen)
	binary.BigEndian.PutUint16(b[0:], unix.ARPHRD_ETHER)
	binary.BigEndian.PutUint16(b[2:], unix.ETH_P_IP)
	b[4], b[5] = 6, 4
	binary.BigEndian.PutUint16(b[6:], 1) // request
	copy(b[8:], mac[:])
	copy(b[14:], ip.AsSlice())
	copy(b[24:], ip.AsSlice())
	return b
}

// announce tells every host on a link that ip is at this link's Ethernet address. It logs
// why it cannot. from is nil if the link is gone.
func (h *Holder) announce(from *netlink.LinkAttrs, ip netip.Addr) {
	if from == nil {
		h.log.Warn().Stringer("vip", ip).Msg("cannot announce a VIP: its interface is gone")
		return
	}
	if len(from.HardwareAddr) != 6 {
		return // not Ethernet: there is no ARP
	}
	to := &unix.SockaddrLinklayer{
		Protocol: bigEndian(unix.ETH_P_ARP),
		Ifindex:  from.Index,
		Halen:    6,
		Addr:     [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	}
	arp := announcement([6]byte(from.HardwareAddr), ip)
	if err := unix.Sendto(h.arp, arp, 0, to); err != nil {
		h.log.Warn().Err(err).Stringer("vip", ip).Str("interface", from.Name).Msg("cannot announce a VIP")
	}
}

// bigEndian returns v in the byte order that the kernel expects in a socket address.
func bigEndian(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}
