package rtnl

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/internal/ifaddr"
	"director/neigh"
	"director/packet"
)

// unusable contains the flags of a next hop that the kernel skips.
const unusable = unix.RTNH_F_DEAD | unix.RTNH_F_LINKDOWN

// list reads all dirty parts again. If anything differs, it publishes a new snapshot. A
// part that changed while the kernel listed it stays dirty.
func (w *Watch) list() error {
	for _, part := range []struct {
		dirt dirt
		list func() error
	}{{links, w.listLinks}, {routes, w.listRoutes}, {neighbors, w.listNeighbors}} {
		if w.dirty&part.dirt == 0 {
			continue
		}
		err := part.list()
		if errors.Is(err, netlink.ErrDumpInterrupted) || errors.Is(err, ifaddr.ErrInterrupted) {
			continue
		}
		if err != nil {
			return err
		}
		w.dirty &^= part.dirt
	}
	if w.dirty&outdated != 0 {
		w.dirty &^= outdated
		w.publish()
	}
	return nil
}

func (w *Watch) listLinks() error {
	list, err := w.request.LinkList()
	if err != nil {
		return fmt.Errorf("list links: %w", err)
	}
	w.listed, err = w.addrs.List(w.listed[:0])
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	count := make(map[int]int)
	for i := range w.listed {
		count[w.listed[i].Link]++
	}
	prefixes := make(map[int][]netip.Prefix)
	for i := range w.listed {
		a := &w.listed[i]
		if prefixes[a.Link] == nil {
			prefixes[a.Link] = make([]netip.Prefix, 0, count[a.Link])
		}
		prefixes[a.Link] = append(prefixes[a.Link], a.Prefix)
	}
	all := make([]neigh.Link, 0, len(list))
	for _, l := range list {
		a := l.Attrs()
		all = append(all, neigh.Link{
			Name:      a.Name,
			Index:     a.Index,
			Interface: w.iface(a.Index),
			MAC:       toMAC(a.HardwareAddr),
			MTU:       a.MTU,
			Up:        a.RawFlags&unix.IFF_UP != 0 && a.RawFlags&unix.IFF_RUNNING != 0,
			Addrs:     prefixes[a.Index],
		})
	}
	if !slices.EqualFunc(all, w.links, sameLink) {
		w.links = all
		w.dirty |= outdated
		w.hearAgain()
	}
	return w.checkLinks()
}

// hearAgain forgets that the neighbours behind links that are down did not answer. When
// such a link comes up, they are asked for the first time.
func (w *Watch) hearAgain() {
	for at := range w.silent {
		if !slices.ContainsFunc(w.links, func(l neigh.Link) bool { return l.Index == at.link && l.Up }) {
			delete(w.silent, at)
		}
	}
}

func sameLink(a, b neigh.Link) bool {
	return a.Name == b.Name && a.Index == b.Index && a.MAC == b.MAC && a.MTU == b.MTU && a.Up == b.Up &&
		slices.Equal(a.Addrs, b.Addrs)
}

// checkLinks returns an error if an interface no longer exists. An interface may be
// renamed.
func (w *Watch) checkLinks() error {
	for i := range w.ifaces {
		a := &w.ifaces[i]
		at := slices.IndexFunc(w.links, func(l neigh.Link) bool { return l.Index == a.index })
		if at < 0 {
			return fmt.Errorf("interface %s no longer exists", a.name)
		}
		a.name = w.links[at].Name
	}
	return nil
}

func (w *Watch) checkQueues() error {
	for i := range w.ifaces {
		a := &w.ifaces[i]
		n, err := w.queues(a.name)
		if errors.Is(err, unix.ENODEV) {
			continue // deleted or renamed; an event about it will follow
		}
		if err != nil {
			return err
		}
		if n != a.queues && a.any {
			w.log.Info().Str("interface", a.name).Int("queues", n).Int("before", a.queues).
				Msg("the number of receive queues has changed; the number of workers is that of the start until the director is restarted")
			a.queues = n
		}
		if n != a.queues {
			return fmt.Errorf("interface %s has %d receive queues now, but had %d at the start: restart the director to serve them",
				a.name, n, a.queues)
		}
	}
	return nil
}

func (w *Watch) iface(index int) int {
	return slices.IndexFunc(w.ifaces, func(a iface) bool { return a.index == index })
}

func (w *Watch) listRoutes() error {
	list, err := w.request.RouteList(nil, netlink.FAMILY_V4) // the main table
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	all := make([]neigh.Route, 0, len(list))
	for i := range list {
		if r, ok := toRoute(&list[i]); ok {
			all = append(all, r)
		}
	}
	if !slices.Equal(all, w.routes) {
		w.routes = all
		w.dirty |= outdated
	}
	return nil
}

// toRoute converts a route, and reports whether the director follows it. Blackhole,
// unreachable and prohibit routes become routes without a link, so that no less
// specific route matches their traffic.
func toRoute(r *netlink.Route) (neigh.Route, bool) {
	out := neigh.Route{Dst: toPrefix(r.Dst), Metric: r.Priority, MTU: r.MTU, Source: toAddr(r.Src)}
	switch r.Type {
	case unix.RTN_UNICAST:
	case unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT:
		return out, true
	default:
		return out, false
	}
	if r.Tos != 0 {
		return out, false // a route for one TOS is a kind of policy routing
	}
	gw, via := r.Gw, r.Via
	out.Link = r.LinkIndex
	if len(r.MultiPath) > 0 {
		hop := r.MultiPath[0]
		if i := slices.IndexFunc(r.MultiPath, func(h *netlink.NexthopInfo) bool { return h.Flags&unusable == 0 }); i > 0 {
			hop = r.MultiPath[i]
		}
		out.Link, gw, via = hop.LinkIndex, hop.Gw, hop.Via
	}
	out.Gateway = toAddr(gw)
	if v, ok := via.(*netlink.Via); ok {
		out.Gateway = toAddr(v.Addr)
	}
	return out, true
}

// publish makes a snapshot of the latest lists and events.
func (w *Watch) publish() {
	s := &neigh.Snapshot{Links: w.links, Routes: w.routes}
	for at, mac := range w.static {
		s.Neighbors = append(s.Neighbors, neigh.Neighbor{IP: at.ip, MAC: mac, Link: at.link})
	}
	for at, e := range w.entries {
		if _, hidden := w.static[at]; e.usable() && !hidden {
			s.Neighbors = append(s.Neighbors, neigh.Neighbor{IP: at.ip, MAC: e.mac, Link: at.link, Used: &e.used})
		}
	}
	for at := range w.silent {
		if _, hidden := w.static[at]; !hidden {
			s.Silent = append(s.Silent, neigh.Silent{IP: at.ip, Link: at.link})
		}
	}
	s.Keep()
	w.snapshot.Store(s)
	select {
	case w.changes <- struct{}{}:
	default:
	}
}

// toPrefix converts an address with its mask, or a destination. nil is the destination of
// the default route.
func toPrefix(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(toAddr(n.IP), bits)
}

func toAddr(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// toMAC converts an Ethernet address. Addresses of other kinds become the zero MAC.
func toMAC(a net.HardwareAddr) packet.MAC {
	if len(a) != len(packet.MAC{}) {
		return packet.MAC{}
	}
	return packet.MAC(a)
}
