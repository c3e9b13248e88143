package vip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// protocol marks our routes. Neither the kernel (include/uapi/linux/rtnetlink.h)
	// nor iproute2 (etc/iproute2/rt_protos) uses this number. A route has no
	// lifetime, so a director recognises by it the routes of a director that was
	// killed.
	protocol = 214

	loopback = 1 // LOOPBACK_IFINDEX, include/net/flow.h
)

// addRoutes makes prefixes local to the host, unless that would hide an existing route.
func (h *Holder) addRoutes(prefixes []netip.Prefix, host *view) error {
	for _, p := range prefixes {
		if why := host.taken(p); why != "" {
			h.log.Info().Stringer("prefix", p).Str("because", why).Msg("no local route for the VIPs of a mark")
			h.alone[p] = true
			continue
		}
		if err := h.putRoute(p); err != nil {
			return err
		}
		h.routes = append(h.routes, p)
		h.log.Info().Stringer("prefix", p).Msg("local route for the VIPs of a mark added")
	}
	return nil
}

// taken returns why p must not become local, or an empty text. The kernel looks into the
// table of local routes first. There p would hide every route of the main table that
// lies within p, which may be the default route or a clients' subnet.
func (v *view) taken(p netip.Prefix) string {
	for _, r := range v.local {
		if toPrefix(r.Dst) == p && r.Protocol != protocol {
			return "a local route already exists and is not changed"
		}
	}
	for _, r := range v.routes {
		if dst := toPrefix(r.Dst); p.Bits() <= dst.Bits() && p.Contains(dst.Addr()) {
			return fmt.Sprintf("it would hide the route to %s", dst)
		}
	}
	return ""
}

// putRoute adds the route, unless it is there.
func (h *Holder) putRoute(p netip.Prefix) error {
	if err := h.nl.RouteAdd(localRoute(p)); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add local route %s: %w", p, err)
	}
	return nil
}

// removeRoute removes the route if it is ours.
func (h *Holder) removeRoute(p netip.Prefix) error {
	if err := h.nl.RouteDel(localRoute(p)); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("remove local route %s: %w", p, err)
	}
	return nil
}

// localRoute is "ip route add local p dev lo proto 214 table local".
func localRoute(p netip.Prefix) *netlink.Route {
	return &netlink.Route{
		Dst:       &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())},
		Type:      unix.RTN_LOCAL,
		Table:     unix.RT_TABLE_LOCAL,
		Scope:     netlink.SCOPE_HOST,
		Protocol:  protocol,
		LinkIndex: loopback,
	}
}
