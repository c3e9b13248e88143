// Package vip holds the virtual services' addresses on the host's interfaces
// while the director runs, so that the host answers ARP and ping for them. For
// many addresses at once, those of a firewall mark, it holds a local route.
//
// An address or route that was there before is never touched. Our addresses are
// added as /32 with a limited life and kept alive: if the process dies, the
// kernel removes them. Routes live until they are removed: those that a killed
// process leaves behind the next Hold of the same prefix takes over.
package vip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/rs/zerolog"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// lifetime is how long, in seconds, an address outlives us. It is both the
	// valid and the preferred lifetime: the kernel refuses a preferred one that
	// is longer, and calls the address deprecated when it is over.
	lifetime = 60
	// refreshEvery leaves room for two refreshes to fail.
	refreshEvery = 20 * time.Second

	// Of gratuitous ARPs three are sent, a second apart: one may be lost, or
	// meet a switch port that is not forwarding yet.
	announcements = 3
	announceEvery = time.Second
)

// Config says what to hold and where.
type Config struct {
	VIPs     []netip.Addr
	Prefixes []netip.Prefix        // of many VIPs each
	On       map[netip.Addr]string // the interfaces that --vip-interface names
	First    string                // the interface of a VIP that fits nowhere else
	Log      zerolog.Logger
}

// Holder is the addresses and routes that are ours. Hold, Run and Close are called one
// after the other; Run from any thread.
type Holder struct {
	nl      *netlink.Handle
	arp     int // AF_PACKET socket, for sending only
	log     zerolog.Logger
	refresh time.Duration
	held    []held
	routes  []netip.Prefix
}

type held struct {
	ip   netip.Addr
	link int
}

// Hold adds the addresses and routes, in the network namespace of the calling
// thread. If one cannot be added, none stays.
func Hold(c Config) (*Holder, error) {
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	// Protocol 0: it receives nothing.
	arp, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		nl.Close()
		return nil, fmt.Errorf("socket for gratuitous ARP: %w", err)
	}
	h := &Holder{nl: nl, arp: arp, log: c.Log, refresh: refreshEvery}
	if err := h.addAll(c); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Run keeps the addresses alive until ctx ends, and announces them at first. An
// address or a route that somebody removes comes back.
func (h *Holder) Run(ctx context.Context) {
	refresh := time.NewTicker(h.refresh)
	defer refresh.Stop()
	announce := time.NewTimer(0)
	defer announce.Stop()
	left := announcements
	for {
		select {
		case <-ctx.Done():
			return
		case <-refresh.C:
			for _, v := range h.held {
				if err := h.put(v); err != nil {
					h.log.Warn().Err(err).Msg("VIP not refreshed")
				}
			}
			for _, p := range h.routes {
				if err := h.putRoute(p); err != nil {
					h.log.Warn().Err(err).Msg("local route not refreshed")
				}
			}
		case <-announce.C:
			for _, v := range h.held {
				if err := h.announce(v.link, v.ip); err != nil {
					h.log.Warn().Err(err).Msg("VIP not announced")
				}
			}
			if left--; left > 0 {
				announce.Reset(announceEvery)
			}
		}
	}
}

// Close removes the addresses and routes that are ours.
func (h *Holder) Close() error {
	var errs []error
	for _, v := range h.held {
		err := h.nl.AddrDel(nil, v.addr())
		// Gone already, or its interface is: just as well.
		if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, fmt.Errorf("remove VIP %s: %w", v.ip, err))
		}
	}
	for _, p := range h.routes {
		errs = append(errs, h.removeRoute(p))
	}
	h.held, h.routes = nil, nil
	h.nl.Close()
	errs = append(errs, unix.Close(h.arp))
	return errors.Join(errs...)
}

func (h *Holder) addAll(c Config) error {
	host, err := h.look()
	if err != nil {
		return fmt.Errorf("look for a place for the VIPs: %w", err)
	}
	for _, ip := range c.VIPs {
		v := held{ip: ip}
		if a, ok := host.existing(ip); ok {
			if !leftover(a) {
				h.log.Info().Stringer("vip", ip).Str("interface", host.links[a.LinkIndex]).Msg("VIP is already there, left alone")
				continue
			}
			v.link = a.LinkIndex
		} else if v.link, err = host.place(ip, c.On[ip], c.First); err != nil {
			return err
		}
		if err := h.put(v); err != nil {
			return err
		}
		h.held = append(h.held, v)
		h.log.Info().Stringer("vip", ip).Str("interface", host.links[v.link]).Msg("VIP added")
	}
	return h.addRoutes(c.Prefixes, host)
}

// put adds the address, or starts its life anew.
func (h *Holder) put(v held) error {
	if err := h.nl.AddrReplace(nil, v.addr()); err != nil {
		return fmt.Errorf("add VIP %s: %w", v.ip, err)
	}
	return nil
}

func (v held) addr() *netlink.Addr {
	bits := v.ip.BitLen()
	return &netlink.Addr{
		IPNet:       &net.IPNet{IP: v.ip.AsSlice(), Mask: net.CIDRMask(bits, bits)},
		LinkIndex:   v.link,
		ValidLft:    lifetime,
		PreferedLft: lifetime,
	}
}

// leftover reports whether a is what a director that was killed less than a
// minute ago left behind. Taking it for somebody else's would lose the VIP when
// its time is up.
func leftover(a netlink.Addr) bool {
	return toPrefix(a.IPNet).IsSingleIP() && a.ValidLft > 0 && a.ValidLft <= lifetime
}

// toPrefix converts what netlink returns; nil, as in a default route, has no
// bits.
func toPrefix(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	ip, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(ip.Unmap(), bits)
}
