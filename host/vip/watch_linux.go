package vip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"director/internal/ifaddr"
)

const (
	// settleTime is the time between an event and the look at the host that follows it.
	// A program that flushes an interface repeats that until no address is left, so an
	// address must not come back at once.
	settleTime = 300 * time.Millisecond
	// After patience removals of an address or a route within patienceTime it is
	// restored by the next refresh only. Two programs that undo each other's work at
	// once would keep the host busy and flood the log.
	patience     = 3
	patienceTime = time.Minute
	// listings is how often the host is listed if it changes while it is listed.
	listings = 5
)

// loss is what became of an address or a route of ours that others remove.
type loss struct {
	times    int       // how often it was found missing since from
	from     time.Time // the first of these times
	missing  bool      // it is missing and waits for the next refresh
	homeless bool      // its link is gone, and the log says so
}

// count counts that something was found missing, and reports whether to restore it now.
func (l *loss) count(now time.Time) bool {
	if now.Sub(l.from) >= patienceTime {
		l.times, l.from = 0, now
	}
	l.times++
	return l.times <= patience
}

// port is a link that holds VIPs, as it was seen last.
type port struct {
	mac     string
	running bool
}

// portsOf returns the links by index.
func portsOf(links []netlink.Link) map[int]port {
	all := make(map[int]port, len(links))
	for _, l := range links {
		a := l.Attrs()
		all[a.Index] = port{string(a.HardwareAddr), a.RawFlags&unix.IFF_RUNNING != 0}
	}
	return all
}

// watch reports events that may concern what is held, until ctx ends.
func (h *Holder) watch(ctx context.Context, out chan<- struct{}) {
	for {
		msgs, _, err := h.events.Receive()
		concerned := errors.Is(err, unix.ENOBUFS) // events were lost
		if err != nil && !concerned {
			return // the socket was closed
		}
		for i := range msgs {
			m := &msgs[i]
			h.downs.note(m)
			switch m.Header.Type {
			case unix.RTM_DELADDR, unix.RTM_NEWLINK, unix.RTM_DELLINK:
				concerned = true
			case unix.RTM_NEWADDR: // the director's own refreshes are among them
				concerned = concerned || h.awaited.Load()
			case unix.RTM_DELROUTE:
				concerned = concerned || len(m.Data) >= unix.SizeofRtMsg && m.Data[5] == protocol // rtm_protocol
			}
		}
		if !concerned {
			continue
		}
		select {
		case out <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

// subscribe opens a socket for the events of the calling thread's network namespace.
func subscribe() (*nl.NetlinkSocket, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("subscribe to netlink: %w", err)
	}
	return s, nil
}

// check compares the host with what is held. It restores what others have removed. It lets
// the VIPs of a link be announced again if the link has another Ethernet address or has
// come up. With all, it restores also what is removed again and again. It reports whether a
// VIP has to be announced.
func (h *Holder) check(now time.Time, all bool) (unsaid bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	down := h.downs.take() // before the list, so that none is missed that comes up after it
	links, addrs, err := h.present()
	if err != nil {
		h.downs.add(down)
		h.log.Warn().Err(err).Msg("cannot look whether the VIPs are there")
		return false
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	on := make(map[netip.Addr][]int, len(addrs)) // the links of each address
	for _, a := range addrs {
		ip := a.Prefix.Addr()
		on[ip] = append(on[ip], a.Link)
	}
	h.checkAlone(on)
	h.checkAddrs(now, names, on, all)
	h.checkRoutes(now, all)
	h.publish()
	h.checkLinks(links, down, on)
	return len(h.guests) > 0 || slices.ContainsFunc(h.held, func(v held) bool { return v.unsaid == announcements })
}

// present lists the links and addresses of the host. It lists them again if they changed
// meanwhile.
func (h *Holder) present() (links []netlink.Link, addrs []ifaddr.Address, err error) {
	for range listings {
		if links, err = h.nl.LinkList(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	if err == nil {
		addrs, err = h.list()
	}
	return links, addrs, err
}

// checkAddrs restores the addresses of ours that are not on their links. names contains the
// names of all links.
func (h *Holder) checkAddrs(now time.Time, names map[int]string, on map[netip.Addr][]int, all bool) {
	homeless := false
	look := sync.OnceValue(func() *view { // many addresses lose their link at once
		host, err := h.look(false)
		if err != nil {
			h.log.Warn().Err(err).Msg("cannot look for a place for a VIP")
		}
		return host
	})
	kept := h.held[:0]
	var lost []int // indices in kept
	for _, v := range h.held {
		at := on[v.ip]
		switch {
		case slices.Contains(at, v.link):
			h.found(single(v.ip))
		case len(at) > 0:
			h.log.Warn().Stringer("vip", v.ip).Str("interface", names[at[0]]).Msg("somebody has moved a VIP: the director leaves it there")
			h.alone[single(v.ip)] = true
			continue
		case names[v.link] == "":
			h.awaited.Store(true) // before the look, so that no new address after it is missed
			if host := look(); host != nil && h.rehome(&v, host, all) {
				lost = append(lost, len(kept))
			} else {
				homeless = true
			}
		case h.misses(now, single(v.ip), all, names[v.link]):
			lost = append(lost, len(kept))
		}
		kept = append(kept, v)
	}
	h.held = kept
	h.awaited.Store(homeless || len(h.gone) > 0)
	h.restore(lost)
}

// found notes that an address or a route of ours is there.
func (h *Holder) found(p netip.Prefix) {
	if l := h.losses[p]; l != nil {
		l.missing = false
	}
}

// misses counts that an address or a route of ours is missing, and reports whether to
// restore it now.
func (h *Holder) misses(now time.Time, p netip.Prefix, all bool, name string) bool {
	l := h.lossOf(p)
	if l.missing {
		return all
	}
	l.missing = true
	what := h.log.Warn()
	if p.IsSingleIP() {
		what = what.Stringer("vip", p.Addr()).Str("interface", name)
	} else {
		what = what.Stringer("vip", p)
	}
	if soon := l.count(now); soon || all {
		what.Msg("somebody has removed a VIP: the director adds it again")
		return true
	}
	what.Int("times", l.times).Stringer("every", h.refresh).
		Msg("somebody removes a VIP again and again: the director adds it less often now; find out which program removes it, such as a network manager that does not keep addresses of others")
	return false
}

func (h *Holder) lossOf(p netip.Prefix) *loss {
	l := h.losses[p]
	if l == nil {
		l = new(loss)
		h.losses[p] = l
	}
	return l
}

// restore adds addresses of ours again, given by their indices in held.
func (h *Holder) restore(lost []int) {
	all := make([]held, len(lost))
	for i, at := range lost {
		all[i] = h.held[at]
	}
	for i, err := range h.put(all) {
		if err != nil {
			h.log.Warn().Err(err).Msg("cannot restore a VIP")
			continue
		}
		h.found(single(all[i].ip))
		h.held[lost[i]].unsaid = announcements
	}
}

// rehome finds another link for an address whose link is gone, and reports whether the
// address is to be added there. With any it takes every link that Hold would take; else only
// the one that the flags name or whose subnet holds the address. A link is often only made
// again, so the others have to wait.
func (h *Holder) rehome(v *held, host *view, any bool) bool {
	named := h.config.On[v.ip]
	link, err := host.home(v.ip, named), error(nil)
	if link == 0 && any {
		link, err = host.place(v.ip, named, h.config.First)
	}
	l := h.lossOf(single(v.ip))
	if link == 0 || err != nil {
		// Of a link that goes, the kernel removes the addresses first. So the VIP may be
		// known to be missing already.
		if !l.homeless {
			h.log.Warn().Stringer("vip", v.ip).Msg("the interface of a VIP is gone: looking for another place")
		}
		l.missing, l.homeless = true, true
		return false
	}
	v.link, l.homeless = link, false
	h.log.Warn().Stringer("vip", v.ip).Str("interface", host.links[link]).Msg("the interface of a VIP was gone: the VIP is added to this one")
	return true
}

// checkRoutes restores the local routes of ours that are missing.
func (h *Holder) checkRoutes(now time.Time, all bool) {
	if len(h.routes) == 0 {
		return
	}
	filter := &netlink.Route{Table: unix.RT_TABLE_LOCAL, Protocol: protocol}
	list, err := h.nl.RouteListFiltered(netlink.FAMILY_V4, filter, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		h.log.Warn().Err(err).Msg("cannot look whether the local routes are there")
		return
	}
	there := make(map[netip.Prefix]bool, len(list))
	for _, r := range list {
		there[toPrefix(r.Dst)] = true
	}
	for _, p := range h.routes {
		if there[p] {
			h.found(p)
			continue
		}
		if !h.misses(now, p, all, "") {
			continue
		}
		if err := h.putRoute(p); err != nil {
			h.log.Warn().Err(err).Msg("cannot restore a local route")
			continue
		}
		h.found(p)
	}
}

// checkLinks lets the addresses of links with another Ethernet address be announced again,
// and those of links that have come up. On the links of Config.Interfaces these are all
// addresses: a router sends packets for a VIP to the director's own address, and real
// servers have it as their gateway. On other links they are the VIPs, also those that
// somebody else has added. down contains the links that were down since the last check, and
// on the links of each address.
func (h *Holder) checkLinks(links []netlink.Link, down map[int]bool, on map[netip.Addr][]int) {
	changed, ours := map[int]bool{}, map[int]bool{}
	seen := portsOf(links)
	for _, l := range links {
		a := l.Attrs()
		is := seen[a.Index]
		was, known := h.ports[a.Index]
		if known && is.running && (is != was || down[a.Index]) {
			changed[a.Index] = true
			if is.mac != was.mac {
				h.log.Info().Str("interface", a.Name).Stringer("mac", a.HardwareAddr).Msg("the Ethernet address has changed: announcing the addresses again")
			}
		}
		ours[a.Index] = slices.Contains(h.config.Interfaces, a.Name)
	}
	h.ports = seen
	if len(changed) == 0 {
		return
	}
	mine := make(map[netip.Addr]bool, len(h.held))
	for i := range h.held {
		v := &h.held[i]
		mine[v.ip] = true
		if changed[v.link] {
			v.unsaid = announcements
		}
	}
	for ip, links := range on {
		for _, link := range links {
			if changed[link] && !mine[ip] && (ours[link] || h.alone[single(ip)]) {
				h.guests[ip] = held{ip, link, announcements}
			}
		}
	}
}
