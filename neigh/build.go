package neigh

import (
	"math"
	"net/netip"

	"github.com/gaissmai/bart"

	"director/packet"
)

// loopback is the prefix of addresses that are never sent to a network, whatever the
// routes say (RFC 1122 §3.2.1.3).
var loopback = netip.MustParsePrefix("127.0.0.0/8")

// New builds the Table of s. servers are the addresses of the real servers; Server
// finds their hops by the index in this slice. The Table does not keep the slice, but
// it refers to s.Links.
func New(s Snapshot, servers []packet.Addr) *Table {
	if s.base == nil {
		t := build(s)
		t.addServers(servers, s.Silent)
		return t
	}
	s.base.once.Do(func() { s.base.table = build(s) })
	t := *s.base.table
	t.addServers(servers, s.Silent)
	return &t
}

// build builds the Table of s without servers.
func build(s Snapshot) *Table {
	b := builder{
		Table:     &Table{fib: new(bart.Fast[*Hop]), none: &Hop{Reason: packet.NoRoute}},
		links:     make(map[int]*Link, len(s.Links)),
		neighbors: make(map[station]*Neighbor, len(s.Neighbors)),
		hops:      make(map[exit]*Hop),
	}
	b.far = b.none
	b.addLinks(s.Links)
	for i := range s.Neighbors {
		n := &s.Neighbors[i]
		if at := (station{n.Link, n.IP}); b.neighbors[at] == nil {
			b.neighbors[at] = n
		}
	}
	b.addRoutes(s.Routes)
	for _, n := range b.neighbors {
		b.addNeighbor(n)
	}
	b.addLocal(s.Links)
	return b.Table
}

// builder holds data that is needed only while a Table is built.
type builder struct {
	*Table
	links     map[int]*Link
	neighbors map[station]*Neighbor
	hops      map[exit]*Hop
	fallback  netip.Addr
}

// station identifies a neighbour. The same address may exist behind two links.
type station struct {
	link int
	ip   netip.Addr
}

// exit identifies a hop. Routes with the same exit share one hop. A routing table with
// a million routes usually has only a few exits.
type exit struct {
	station
	source netip.Addr
	mtu    int
}

func (b *builder) addLinks(links []Link) {
	for i := range links {
		l := &links[i]
		b.links[l.Index] = l
		for _, a := range l.Addrs {
			if !b.fallback.IsValid() && !a.Addr().IsLoopback() {
				b.fallback = a.Addr()
			}
		}
		if l.Interface < 0 {
			continue
		}
		for len(b.ifaces) <= l.Interface {
			b.ifaces = append(b.ifaces, Link{})
		}
		b.ifaces[l.Interface] = *l
	}
}

func (b *builder) addRoutes(routes []Route) {
	lowest := make(map[netip.Prefix]int, len(routes))
	for i := range routes {
		r := &routes[i]
		dst := r.Dst.Masked()
		if metric, ok := lowest[dst]; ok && metric <= r.Metric {
			continue
		}
		lowest[dst] = r.Metric
		b.insert(dst, b.routeHop(r))
	}
}

// routeHop returns the hop that all destinations of r share. The hop of an on-link
// route has no MAC, because each destination has its own. addNeighbor adds a hop for
// each destination whose MAC is known.
func (b *builder) routeHop(r *Route) *Hop {
	l := b.links[r.Link]
	if l == nil || l.Interface < 0 {
		return b.none
	}
	key := exit{station{r.Link, r.Gateway}, b.source(r, l), r.MTU}
	if h := b.hops[key]; h != nil {
		return h
	}
	h := &Hop{
		Src:       l.MAC,
		Reason:    packet.Neighbor,
		Interface: uint8(l.Interface),
		MTU:       mtu(r, l),
		Source:    packet.AddrFrom(key.source),
		Via:       packet.AddrFrom(r.Gateway),
	}
	if n := b.neighbors[key.station]; n != nil {
		h.Dst, h.Used, h.Reason = n.MAC, n.Used, packet.None
	}
	if !l.Up {
		h.Reason = packet.LinkDown
	}
	b.hops[key] = h
	return h
}

// addNeighbor inserts a host prefix for n if the route to n is on-link and uses n's
// link.
func (b *builder) addNeighbor(n *Neighbor) {
	on, ok := b.fib.Lookup(n.IP)
	if !ok || on.Reason != packet.Neighbor || !on.Via.IsZero() || b.ifaces[on.Interface].Index != n.Link {
		return
	}
	h := *on
	h.Dst, h.Used, h.Reason = n.MAC, n.Used, packet.None
	h.Via = packet.AddrFrom(n.IP)
	b.insert(netip.PrefixFrom(n.IP, n.IP.BitLen()), &h)
}

// addLocal inserts the host's own addresses. It runs after routes and neighbours, so
// that these addresses replace them. The kernel has the same order: it looks at its
// local table first.
func (b *builder) addLocal(links []Link) {
	b.insert(loopback, b.none)
	var own []packet.Addr
	for i := range links {
		for _, a := range links[i].Addrs {
			own = append(own, packet.AddrFrom(a.Addr()))
			b.insert(netip.PrefixFrom(a.Addr(), a.Addr().BitLen()), b.none)
		}
	}
	b.local = packet.NewAddrSet(len(own))
	for _, a := range own {
		b.local.Add(a)
	}
}

// addServers finds the hops of the servers.
func (t *Table) addServers(servers []packet.Addr, silent []Silent) {
	t.servers = make([]Hop, len(servers))
	quiet := make(map[station]bool, len(silent))
	for _, s := range silent {
		quiet[station{s.Link, s.IP}] = true
	}
	if len(silent) > 0 {
		t.silent = make([]bool, len(servers))
	}
	for i, a := range servers {
		h := &t.servers[i]
		if t.Local(a) {
			h.Reason = packet.LocalServer
			continue
		}
		if *h = *t.Route(a); h.Reason != packet.NoRoute {
			h.Via = h.NextHop(a)
			if t.silent != nil {
				t.silent[i] = quiet[station{t.ifaces[h.Interface].Index, h.Via.Netip()}]
			}
		}
		t.broken = t.broken || !a.IsZero() && t.Unreachable(uint32(i)) != packet.None
	}
}

// source chooses the source address as inet_select_addr does (net/ipv4/devinet.c). It
// takes the first of these that exists: the preferred source of the route, the address
// of the link in the subnet of the next hop, the first address of the link, any address
// of the host.
func (b *builder) source(r *Route, l *Link) netip.Addr {
	if r.Source.IsValid() {
		return r.Source
	}
	via := r.Gateway
	if !via.IsValid() {
		via = r.Dst.Addr()
	}
	for _, a := range l.Addrs {
		if a.Contains(via) {
			return a.Addr()
		}
	}
	if len(l.Addrs) > 0 {
		return l.Addrs[0].Addr()
	}
	return b.fallback
}

func mtu(r *Route, l *Link) uint16 {
	n := l.MTU
	if r.MTU > 0 {
		n = min(n, r.MTU)
	}
	return uint16(min(n, math.MaxUint16))
}
