package vip

import (
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/host"
)

// view is the state of the host before anything is added.
type view struct {
	links  map[int]string // name by index
	addrs  []netlink.Addr
	holds  map[netip.Addr]int // index in addrs
	routes []netlink.Route    // of the main table
	local  []netlink.Route    // of the table of local routes
	egress int                // link of the default route with the lowest metric, 0: none
}

func (h *Holder) look() (*view, error) {
	v := &view{links: make(map[int]string)}
	links, err := h.nl.LinkList()
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		v.links[l.Attrs().Index] = l.Attrs().Name
	}
	if v.addrs, err = h.nl.AddrList(nil, netlink.FAMILY_V4); err != nil {
		return nil, err
	}
	v.holds = make(map[netip.Addr]int, len(v.addrs))
	for i, a := range slices.Backward(v.addrs) { // of several entries, the first counts
		v.holds[toPrefix(a.IPNet).Addr()] = i
	}
	if v.routes, err = h.nl.RouteList(nil, netlink.FAMILY_V4); err != nil {
		return nil, err
	}
	v.local, err = h.nl.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_LOCAL}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, err
	}
	lowest := -1
	for _, r := range v.routes {
		if r.Type != unix.RTN_UNICAST || toPrefix(r.Dst).Bits() != 0 || lowest >= 0 && r.Priority >= lowest {
			continue
		}
		lowest, v.egress = r.Priority, r.LinkIndex
		if len(r.MultiPath) > 0 {
			v.egress = r.MultiPath[0].LinkIndex
		}
	}
	return v, nil
}

// existing returns the address entry that already holds ip.
func (v *view) existing(ip netip.Addr) (netlink.Addr, bool) {
	if i, ok := v.holds[ip]; ok {
		return v.addrs[i], true
	}
	return netlink.Addr{}, false
}

// place chooses the link that is to hold ip. In this order: the link named by
// --vip-interface, the link whose subnet holds ip (the longest prefix wins), the link of
// the default route, the first interface.
func (v *view) place(ip netip.Addr, named, first string) (int, error) {
	if i := v.home(ip, named); i != 0 {
		return i, nil
	}
	if named != "" {
		return 0, host.Usagef("--vip-interface %s=%s: no such interface", ip, named)
	}
	if v.egress != 0 {
		return v.egress, nil
	}
	if i, ok := v.index(first); ok {
		return i, nil
	}
	return 0, host.Usagef("no such interface %q for VIP %s", first, ip)
}

// home returns the link named by --vip-interface or, without this flag, the link whose
// subnet holds ip. It returns 0 if there is none.
func (v *view) home(ip netip.Addr, named string) int {
	if named != "" {
		i, _ := v.index(named)
		return i
	}
	best, bits := 0, 0
	for _, a := range v.addrs {
		p := toPrefix(a.IPNet)
		if p.Contains(ip) && p.Bits() > bits && !p.Addr().IsLoopback() {
			best, bits = a.LinkIndex, p.Bits()
		}
	}
	return best
}

func (v *view) index(name string) (int, bool) {
	for i, n := range v.links {
		if n == name {
			return i, true
		}
	}
	return 0, false
}
