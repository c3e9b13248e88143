package replay

import (
	"net/netip"
	"slices"

	"director/control/config"
	"director/neigh"
	"director/packet"
	"director/service"
)

// loopbackMTU is the MTU of Linux's lo, which has the virtual addresses.
const loopbackMTU = 65536

// described is the host that the flags and the script describe.
type described struct {
	interfaces []string
	links      []config.Link
	routes     []config.Route
	neighbors  []config.Neighbor
}

// Host returns the initial state of the host that c and r describe, in the form in which
// the kernel reports neighbours and routes.
func Host(c *config.Config, r *config.Replay) neigh.Snapshot {
	var vips []packet.Addr
	for _, s := range c.Services {
		if s.Mark == 0 {
			vips = append(vips, s.Addr)
		}
	}
	return hostOf(c, r).snapshot(vips)
}

func hostOf(c *config.Config, r *config.Replay) *described {
	return &described{c.Interfaces, slices.Clone(r.Links), slices.Clone(r.Routes), slices.Clone(c.Neighbors)}
}

// hops returns the next hops for a table of services.
func (d *described) hops(t *service.Table, servers []packet.Addr) *neigh.Table {
	return neigh.New(d.snapshot(t.VIPs()), servers)
}

// snapshot returns the host with the given virtual addresses.
func (d *described) snapshot(vips []packet.Addr) neigh.Snapshot {
	var s neigh.Snapshot
	index := map[string]int{}
	for i, l := range d.links {
		index[l.Name] = i + 1
		iface := slices.Index(d.interfaces, l.Name)
		s.Links = append(s.Links, neigh.Link{Name: l.Name, Index: i + 1, Interface: iface, MAC: l.MAC, MTU: l.MTU, Up: true, Addrs: l.Addrs})
	}
	for _, r := range d.routes {
		s.Routes = append(s.Routes, neigh.Route{
			Dst: r.Dst, Gateway: r.Gateway, Link: index[r.Interface], Source: r.Source, MTU: r.MTU,
		})
	}
	// Of two routes to the same prefix the first one counts. So a route of a flag comes
	// before the route that the kernel would have made for the link's subnet.
	for _, l := range s.Links {
		for _, a := range l.Addrs {
			if !a.IsSingleIP() {
				s.Routes = append(s.Routes, neigh.Route{Dst: a.Masked(), Link: l.Index, Source: a.Addr()})
			}
		}
	}
	for _, n := range d.neighbors {
		s.Neighbors = append(s.Neighbors, neigh.Neighbor{IP: n.IP, MAC: n.MAC, Link: index[n.Interface]})
	}
	// The link with the services' addresses comes last, so that none of them becomes the
	// source of a tunnel if there is another address.
	lo := neigh.Link{Name: "lo", Index: len(s.Links) + 1, Interface: -1, MTU: loopbackMTU, Up: true}
	for _, v := range vips {
		a := v.Netip()
		lo.Addrs = append(lo.Addrs, netip.PrefixFrom(a, a.BitLen()))
	}
	s.Links = append(s.Links, lo)
	return s
}

// A script changes the host by the functions below. A new element replaces the one with
// the same name, prefix or address.

func (d *described) setLink(l config.Link) {
	d.links = put(d.links, l, func(o config.Link) bool { return o.Name == l.Name })
}

func (d *described) setRoute(r config.Route) {
	d.routes = put(d.routes, r, func(o config.Route) bool { return o.Dst == r.Dst })
}

func (d *described) setNeighbor(n config.Neighbor) {
	d.neighbors = put(d.neighbors, n, func(o config.Neighbor) bool {
		return o.IP == n.IP && o.Interface == n.Interface
	})
}

func put[T any](list []T, v T, same func(T) bool) []T {
	if i := slices.IndexFunc(list, same); i >= 0 {
		list[i] = v
		return list
	}
	return append(list, v)
}

// has reports whether the host has an interface with that name.
func (d *described) has(name string) bool {
	return slices.ContainsFunc(d.links, func(l config.Link) bool { return l.Name == name })
}
