package vip

import (
	"encoding/binary"
	"fmt"
	"net/netip"

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

// announce tells every host on the link that ip is at this link's Ethernet address.
func (h *Holder) announce(link int, ip netip.Addr) error {
	l, err := h.nl.LinkByIndex(link)
	if err != nil {
		return fmt.Errorf("announce %s: %w", ip, err)
	}
	if len(l.Attrs().HardwareAddr) != 6 {
		return nil // not Ethernet: there is no ARP
	}
	to := &unix.SockaddrLinklayer{
		Protocol: bigEndian(unix.ETH_P_ARP),
		Ifindex:  link,
		Halen:    6,
		Addr:     [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	}
	arp := announcement([6]byte(l.Attrs().HardwareAddr), ip)
	if err := unix.Sendto(h.arp, arp, 0, to); err != nil {
		return fmt.Errorf("announce %s on %s: %w", ip, l.Attrs().Name, err)
	}
	return nil
}

// bigEndian returns v in the byte order that the kernel expects in a socket address.
func bigEndian(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}
