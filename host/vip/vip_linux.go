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
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"director/internal/ifaddr"
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
	addrs   *ifaddr.Socket
	arp     int // AF_PACKET socket, for sending only
	events  *nl.NetlinkSocket
	log     zerolog.Logger
	refresh time.Duration
	settle  time.Duration
	added   chan struct{} // signals that an address waits to be announced

	awaited atomic.Bool // an address that appears may matter: ours has no link, or another's is missing
	missing atomic.Pointer[[]netip.Addr]
	downs   downs

	mu     sync.Mutex
	held   []held
	routes []netip.Prefix
	alone  map[netip.Prefix]bool // existed before the director, so it is not changed
	gone   map[netip.Addr]bool   // those of alone that are on no link any more
	unheld []netip.Addr          // that could not be added
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
	addrs, err := ifaddr.Open()
	if err != nil {
		nl.Close()
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	// With protocol 0 the socket receives nothing.
	arp, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		nl.Close()
		return nil, errors.Join(fmt.Errorf("socket for gratuitous ARP: %w", err), addrs.Close())
	}
	h := &Holder{
		config: c, nl: nl, addrs: addrs, arp: arp, log: c.Log, refresh: refreshEvery, settle: settleTime,
		added: make(chan struct{}, 1), alone: map[netip.Prefix]bool{}, losses: map[netip.Prefix]*loss{}, gone: map[netip.Addr]bool{},
		guests: map[netip.Addr]held{},
	}
	links, _, err := h.present()
	if err == nil {
		h.ports = portsOf(links)
		err = h.Set(c.VIPs, c.Prefixes)
	}
	if err == nil {
		// There are no events of the many addresses that Set has added. Run looks at
		// the host first, so it finds what others changed before the subscription.
		h.events, err = subscribe()
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
	errs = append(errs, h.remove(wanted))
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
	maps.DeleteFunc(h.gone, func(a netip.Addr, _ bool) bool { return !wanted[single(a)] })
	errs = append(errs, h.addNew(vips, prefixes))
	h.noteUnheld(vips)
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
	there := make([]held, 0, len(h.held))
	for _, v := range h.held {
		if l := h.losses[single(v.ip)]; l == nil || !l.missing { // check has said why
			there = append(there, v)
		}
	}
	for _, err := range h.put(there) {
		if err != nil {
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
	links, err := h.nl.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		h.log.Warn().Err(err).Msg("cannot announce the VIPs: retrying")
		return true
	}
	from := make(map[int]*netlink.LinkAttrs, len(links))
	for _, l := range links {
		from[l.Attrs().Index] = l.Attrs()
	}
	for i := range h.held {
		v := &h.held[i]
		if v.unsaid == 0 {
			continue
		}
		h.announce(from[v.link], v.ip)
		v.unsaid--
		left = left || v.unsaid > 0
	}
	for ip, v := range h.guests {
		h.announce(from[v.link], ip)
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
	if h.events != nil {
		h.events.Close()
	}
	h.nl.Close()
	return errors.Join(err, h.addrs.Close(), unix.Close(h.arp))
}
