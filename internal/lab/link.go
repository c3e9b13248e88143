//go:build linux

package lab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// MAC returns the Ethernet address of an interface.
func (h *Host) MAC(dev string) (net.HardwareAddr, error) {
	l, err := h.device(dev)
	if err != nil {
		return nil, err
	}
	return l.Attrs().HardwareAddr, nil
}

// SetMAC changes the Ethernet address of an interface while it is up. The host announces
// the change only if net.ipv4.conf.DEV.arp_notify is 1.
func (h *Host) SetMAC(dev string, mac net.HardwareAddr) error {
	l, err := h.device(dev)
	if err != nil {
		return err
	}
	if err := h.Link.LinkSetHardwareAddr(l, mac); err != nil {
		return fmt.Errorf("%s: set address of %s to %s: %w", h.Name, dev, mac, err)
	}
	return nil
}

// SetUp switches an interface on or off, as its administrator does. Off removes all routes
// through it, and on restores only those of its subnets. To pull the cable use
// [Lab.Plug].
func (h *Host) SetUp(dev string, up bool) error {
	l, err := h.device(dev)
	if err != nil {
		return err
	}
	if up {
		err = h.Link.LinkSetUp(l)
	} else {
		err = h.Link.LinkSetDown(l)
	}
	if err != nil {
		return fmt.Errorf("%s: switch %s: %w", h.Name, dev, err)
	}
	return nil
}

// AddAddr gives an interface an address.
func (h *Host) AddAddr(dev string, p netip.Prefix) error {
	l, err := h.device(dev)
	if err != nil {
		return err
	}
	if err := h.Link.AddrAdd(l, &netlink.Addr{IPNet: ipNet(p)}); err != nil {
		return fmt.Errorf("%s: add %s to %s: %w", h.Name, p, dev, err)
	}
	return nil
}

// addRoute adds a route through an interface. Without a valid gateway the destination is on
// the link. An advmss of 0 does not change the segment size.
func (h *Host) addRoute(dev string, dst netip.Prefix, gw netip.Addr, advmss int) error {
	l, err := h.device(dev)
	if err != nil {
		return err
	}
	r := netlink.Route{LinkIndex: l.Attrs().Index, Dst: ipNet(dst), AdvMSS: advmss}
	if gw.IsValid() {
		r.Gw = gw.AsSlice()
	} else {
		r.Scope = netlink.SCOPE_LINK
	}
	if err := h.Link.RouteAdd(&r); err != nil {
		return fmt.Errorf("%s: add route %s by %s: %w", h.Name, dst, dev, err)
	}
	return nil
}

func (h *Host) device(dev string) (netlink.Link, error) {
	l, err := h.Link.LinkByName(dev)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", h.Name, dev, err)
	}
	return l, nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{
		IP:   p.Addr().AsSlice(),
		Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
	}
}
