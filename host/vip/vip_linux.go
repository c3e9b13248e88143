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
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
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
// after the other; Run from any thread, Set from any goroutine meanwhile.
type Holder struct {
	config  Config
	nl      *netlink.Handle
	arp     int // AF_PACKET socket, for sending only
	log     zerolog.Logger
	refresh time.Duration
	added   chan struct{} // there is something to announce

	mu     sync.Mutex
	held   []held
	routes []netip.Prefix
	alone  map[netip.Prefix]bool // what is not ours to touch
}

// held is an address of ours, and how often it is still to be announced.
type held struct {
	ip     netip.Addr
	link   int
	unsaid int
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
	h := &Holder{config: c, nl: nl, arp: arp, log: c.Log, refresh: refreshEvery, added: make(chan struct{}, 1), alone: map[netip.Prefix]bool{}}
	if err := h.Set(c.VIPs, c.Prefixes); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Set makes the addresses and routes those of vips and prefixes: what is new is
// added, what is gone is removed, the rest is not touched. After an error some of
// it is done; calling Set again does the rest.
func (h *Holder) Set(vips []netip.Addr, prefixes []netip.Prefix) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	h.held = slices.DeleteFunc(h.held, func(v held) bool {
		if slices.Contains(vips, v.ip) {
			return false
		}
		if err := h.remove(v); err != nil {
			errs = append(errs, err)
			return false
		}
		h.log.Info().Stringer("vip", v.ip).Msg("VIP removed")
		return true
	})
	h.routes = slices.DeleteFunc(h.routes, func(p netip.Prefix) bool {
		if slices.Contains(prefixes, p) {
			return false
		}
		err := h.removeRoute(p)
		errs = append(errs, err)
		return err == nil
	})
	maps.DeleteFunc(h.alone, func(p netip.Prefix, _ bool) bool {
		return !slices.Contains(prefixes, p) && !slices.Contains(vips, p.Addr())
	})
	errs = append(errs, h.addNew(vips, prefixes))
	return errors.Join(errs...)
}

// Run keeps the addresses alive until ctx ends, and announces each at first. An
// address or a route that somebody removes comes back.
func (h *Holder) Run(ctx context.Context) {
	refresh := time.NewTicker(h.refresh)
	defer refresh.Stop()
	announce := time.NewTimer(0)
	defer announce.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-refresh.C:
			h.refreshAll()
		case <-h.added:
			announce.Reset(0)
		case <-announce.C:
			if h.announceNew() {
				announce.Reset(announceEvery)
			}
		}
	}
}

func (h *Holder) refreshAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
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
}

// announceNew announces the addresses that are still to be, and reports whether
// any is left.
func (h *Holder) announceNew() (left bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.held {
		v := &h.held[i]
		if v.unsaid == 0 {
			continue
		}
		if err := h.announce(v.link, v.ip); err != nil {
			h.log.Warn().Err(err).Msg("VIP not announced")
		}
		v.unsaid--
		left = left || v.unsaid > 0
	}
	return left
}

// Close removes the addresses and routes that are ours.
func (h *Holder) Close() error {
	err := h.Set(nil, nil)
	h.nl.Close()
	return errors.Join(err, unix.Close(h.arp))
}

// remove takes an address of ours away.
func (h *Holder) remove(v held) error {
	err := h.nl.AddrDel(nil, v.addr())
	// Gone already, or its interface is: just as well.
	if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove VIP %s: %w", v.ip, err)
	}
	return nil
}

// addNew adds what is not ours yet.
func (h *Holder) addNew(vips []netip.Addr, prefixes []netip.Prefix) error {
	vips = slices.DeleteFunc(slices.Clone(vips), func(a netip.Addr) bool {
		return h.alone[single(a)] || slices.ContainsFunc(h.held, func(v held) bool { return v.ip == a })
	})
	prefixes = slices.DeleteFunc(slices.Clone(prefixes), func(p netip.Prefix) bool {
		return h.alone[p] || slices.Contains(h.routes, p)
	})
	if len(vips) == 0 && len(prefixes) == 0 {
		return nil
	}
	host, err := h.look()
	if err != nil {
		return fmt.Errorf("look for a place for the VIPs: %w", err)
	}
	var errs []error // one address that cannot be held does not keep others back
	for _, ip := range vips {
		v := held{ip: ip, unsaid: announcements}
		if a, ok := host.existing(ip); ok {
			if !leftover(a) {
				h.log.Info().Stringer("vip", ip).Str("interface", host.links[a.LinkIndex]).Msg("VIP is already there, left alone")
				h.alone[single(ip)] = true
				continue
			}
			v.link = a.LinkIndex
		} else if v.link, err = host.place(ip, h.config.On[ip], h.config.First); err != nil {
			errs = append(errs, err)
			continue
		}
		if err := h.put(v); err != nil {
			errs = append(errs, err)
			continue
		}
		h.held = append(h.held, v)
		h.log.Info().Stringer("vip", ip).Str("interface", host.links[v.link]).Msg("VIP added")
	}
	select {
	case h.added <- struct{}{}:
	default:
	}
	return errors.Join(append(errs, h.addRoutes(prefixes, host))...)
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

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
