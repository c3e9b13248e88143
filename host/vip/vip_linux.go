// Package vip holds the addresses of virtual services on the host's interfaces while the
// director runs, so that the host answers ARP and ping for them. For the prefix of a
// firewall mark it holds a local route instead of many addresses.
//
// An address or route that was there before is never changed. Our addresses are added as
// /32 with a limited lifetime, which is refreshed. If the process dies, the kernel
// removes them. Routes have no lifetime. If a process is killed, the next Hold of the
// same prefix takes over its route.
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
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// lifetime is how long, in seconds, an address stays without a refresh. It is
	// used as the valid and as the preferred lifetime. The kernel refuses a longer
	// preferred one, and marks the address deprecated after a shorter one.
	lifetime = 60
	// refreshEvery is a third of lifetime, so two refreshes in a row may fail.
	refreshEvery = 20 * time.Second

	// Three gratuitous ARPs are sent, one second apart. One may be lost, or arrive
	// at a switch port that does not forward yet.
	announcements = 3
	announceEvery = time.Second
)

// Config says which addresses to hold, and on which interfaces.
type Config struct {
	VIPs     []netip.Addr
	Prefixes []netip.Prefix        // each holds many VIPs
	On       map[netip.Addr]string // the interfaces that --vip-interface names
	First    string                // the interface for VIPs that match no other rule
	// Interfaces carry balanced traffic. All their addresses are announced again when
	// their Ethernet address changes.
	Interfaces []string
	Log        zerolog.Logger
}

// Holder owns the addresses and routes that it has added. Hold, Run and Close are called
// one after the other, Run from any thread. Set may be called by any goroutine in
// between.
type Holder struct {
	config  Config
	nl      *netlink.Handle
	arp     int // AF_PACKET socket, for sending only
	events  *nl.NetlinkSocket
	log     zerolog.Logger
	refresh time.Duration
	settle  time.Duration
	added   chan struct{} // signals that an address waits to be announced

	homeless atomic.Bool // an address of ours has no link
	downs    downs

	mu     sync.Mutex
	held   []held
	routes []netip.Prefix
	alone  map[netip.Prefix]bool // existed before the director, so it is not changed
	losses map[netip.Prefix]*loss
	ports  map[int]port        // the links as they were seen last
	guests map[netip.Addr]held // addresses of others that wait to be announced
}

// held is an address that we have added; unsaid counts the announcements still to send.
type held struct {
	ip     netip.Addr
	link   int
	unsaid int
}

// Hold adds the addresses and routes in the network namespace of the calling thread. If
// one cannot be added, it removes the others again.
func Hold(c Config) (*Holder, error) {
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	// With protocol 0 the socket receives nothing.
	arp, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		nl.Close()
		return nil, fmt.Errorf("socket for gratuitous ARP: %w", err)
	}
	events, err := subscribe()
	if err != nil {
		nl.Close()
		return nil, errors.Join(err, unix.Close(arp))
	}
	h := &Holder{
		config: c, nl: nl, arp: arp, events: events, log: c.Log, refresh: refreshEvery, settle: settleTime,
		added: make(chan struct{}, 1), alone: map[netip.Prefix]bool{}, losses: map[netip.Prefix]*loss{},
		guests: map[netip.Addr]held{},
	}
	// The subscription is older than this list, so no change after it is lost.
	links, _, err := h.present()
	if err == nil {
		h.ports = portsOf(links)
		err = h.Set(c.VIPs, c.Prefixes)
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Set changes what is held to vips and prefixes. It adds new ones, removes those that are
// not listed any more, and does not touch the others. After an error a part is done;
// calling Set again does the rest.
func (h *Holder) Set(vips []netip.Addr, prefixes []netip.Prefix) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	wanted := make(map[netip.Prefix]bool, len(vips)+len(prefixes))
	for _, a := range vips {
		wanted[single(a)] = true
	}
	for _, p := range prefixes {
		wanted[p] = true
	}
	h.held = slices.DeleteFunc(h.held, func(v held) bool {
		if wanted[single(v.ip)] {
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
		if wanted[p] {
			return false
		}
		err := h.removeRoute(p)
		errs = append(errs, err)
		return err == nil
	})
	maps.DeleteFunc(h.alone, func(p netip.Prefix, _ bool) bool { return !wanted[p] })
	maps.DeleteFunc(h.losses, func(p netip.Prefix, _ *loss) bool { return !wanted[p] })
	errs = append(errs, h.addNew(vips, prefixes))
	return errors.Join(errs...)
}

// Run announces each new address and refreshes all until ctx ends. It restores an address
// or a route that is removed meanwhile, within a second unless that happens often. If the
// Ethernet address of a link changes, it announces the addresses of the link again.
func (h *Holder) Run(ctx context.Context) {
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer h.events.Close() // ends the system call in which watch waits
	events := make(chan struct{})
	watching.Go(func() { h.watch(ctx, events) })
	refresh := time.NewTicker(h.refresh)
	defer refresh.Stop()
	announce := time.NewTimer(0)
	defer announce.Stop()
	settle := time.NewTimer(0) // the first look: what happened since Hold
	defer settle.Stop()
	armed := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			if !armed {
				settle.Reset(h.settle)
				armed = true
			}
		case <-settle.C:
			armed = false
			if h.check(time.Now(), false) {
				announce.Reset(0)
			}
		case <-refresh.C:
			if h.check(time.Now(), true) {
				announce.Reset(0)
			}
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
		if h.lossOf(single(v.ip)).missing {
			continue // check has said why
		}
		if err := h.put(v); err != nil {
			h.log.Warn().Err(err).Msg("cannot refresh a VIP")
		}
	}
	for _, p := range h.routes {
		if err := h.putRoute(p); err != nil {
			h.log.Warn().Err(err).Msg("cannot refresh a local route")
		}
	}
}

// announceNew sends one announcement for each address that still needs some, and reports
// whether more have to follow.
func (h *Holder) announceNew() (left bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.held {
		v := &h.held[i]
		if v.unsaid == 0 {
			continue
		}
		if err := h.announce(v.link, v.ip); err != nil {
			h.log.Warn().Err(err).Msg("cannot announce a VIP")
		}
		v.unsaid--
		left = left || v.unsaid > 0
	}
	for ip, v := range h.guests {
		if err := h.announce(v.link, ip); err != nil {
			h.log.Warn().Err(err).Msg("cannot announce a VIP")
		}
		if v.unsaid--; v.unsaid == 0 {
			delete(h.guests, ip)
			continue
		}
		h.guests[ip] = v
		left = true
	}
	return left
}

// Close removes our addresses and routes.
func (h *Holder) Close() error {
	err := h.Set(nil, nil)
	h.events.Close()
	h.nl.Close()
	return errors.Join(err, unix.Close(h.arp))
}

// remove removes one of our addresses from the host.
func (h *Holder) remove(v held) error {
	err := h.nl.AddrDel(nil, v.addr())
	// The address or its interface may be gone already, which is fine.
	if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove VIP %s: %w", v.ip, err)
	}
	return nil
}

// addNew adds the addresses and routes that are not held yet.
func (h *Holder) addNew(vips []netip.Addr, prefixes []netip.Prefix) error {
	have := make(map[netip.Addr]bool, len(h.held))
	for _, v := range h.held {
		have[v.ip] = true
	}
	vips = slices.DeleteFunc(slices.Clone(vips), func(a netip.Addr) bool { return h.alone[single(a)] || have[a] })
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
	var errs []error // an address that cannot be held must not prevent the others
	for _, ip := range vips {
		v := held{ip: ip, unsaid: announcements}
		if a, ok := host.existing(ip); ok {
			if !leftover(a) {
				h.log.Info().Stringer("vip", ip).Str("interface", host.links[a.LinkIndex]).Msg("VIP already exists and is not changed")
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

// put adds the address or restarts its lifetime.
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

// leftover reports whether a was added by a director that was killed less than a minute
// ago. If it were taken for a foreign address, the VIP would vanish when its lifetime
// ends.
func leftover(a netlink.Addr) bool {
	return toPrefix(a.IPNet).IsSingleIP() && a.ValidLft > 0 && a.ValidLft <= lifetime
}

// toPrefix converts a prefix of netlink. It turns nil, the destination of a default
// route, into 0.0.0.0/0.
func toPrefix(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	ip, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(ip.Unmap(), bits)
}
