package vip

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/host"
	"director/internal/ifaddr"
)

// view is the state of the host before anything is added.
type view struct {
	links   map[int]string                // name by index
	holds   map[netip.Addr]ifaddr.Address // by address; of several entries, the first
	subnets []ifaddr.Address              // the addresses that are not alone in their subnet
	routes  []netlink.Route               // of the main table
	local   []netlink.Route               // of the table of local routes, if prefixes are to be held
	egress  int                           // link of the default route with the lowest metric, 0: none
}

// look looks at the host. Prefixes are held only if the result has the local routes.
func (h *Holder) look(prefixes bool) (*view, error) {
	v := &view{links: make(map[int]string)}
	links, err := h.nl.LinkList()
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		v.links[l.Attrs().Index] = l.Attrs().Name
	}
	addrs, err := h.list()
	if err != nil {
		return nil, err
	}
	v.holds = make(map[netip.Addr]ifaddr.Address, len(addrs))
	for _, a := range slices.Backward(addrs) {
		v.holds[a.Prefix.Addr()] = a
	}
	// The many addresses of other directors' services are not subnets.
	v.subnets = slices.DeleteFunc(addrs, func(a ifaddr.Address) bool { return a.Prefix.IsSingleIP() })
	if v.routes, err = h.nl.RouteList(nil, netlink.FAMILY_V4); err != nil {
		return nil, err
	}
	if prefixes {
		v.local, err = h.nl.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_LOCAL}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return nil, err
		}
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

// list lists the addresses of the host. It lists them again if they changed meanwhile.
func (h *Holder) list() (all []ifaddr.Address, err error) {
	for range listings {
		if all, err = h.addrs.List(all[:0]); !errors.Is(err, ifaddr.ErrInterrupted) {
			break
		}
	}
	return all, err
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
	for _, a := range v.subnets {
		if p := a.Prefix; p.Contains(ip) && p.Bits() > bits && !p.Addr().IsLoopback() {
			best, bits = a.Link, p.Bits()
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
