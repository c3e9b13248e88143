package control

import (
	"slices"

	"director/neigh"
	"director/packet"
	"director/service"
)

// Unreachable is a real server that packets cannot reach. It has a weight in at least one
// service.
type Unreachable struct {
	Addr    packet.Addr
	Reason  packet.Reason // NoRoute, LinkDown, or Neighbor if the next hop does not answer
	Via     packet.Addr   // the next hop; the zero Addr if there is no route
	Rules   int           // in how many services it has a weight
	Skipped int           // in how many of them it is passed over
}

// Unreachable lists the real servers that packets cannot reach, ordered by address.
func (c *Control) Unreachable() []Unreachable {
	c.mu.Lock()
	defer c.mu.Unlock()
	hops := c.shared.View().Hops
	if hops.AllReachable() {
		return nil
	}
	byAddr := map[packet.Addr]*Unreachable{}
	c.registry.Each(func(s *service.Service, _ *service.Meter) {
		c.registry.EachServer(s.Key, func(server *service.Server, spec service.ServerSpec, _ *service.Meter) {
			why := hops.Unreachable(server.ID)
			if why == packet.None || spec.Weight == 0 {
				return
			}
			u := byAddr[server.Addr]
			if u == nil {
				u = &Unreachable{Addr: server.Addr, Reason: why, Via: hops.Server(server.ID).Via}
				byAddr[server.Addr] = u
			}
			u.Rules++
			if server.Skipped() {
				u.Skipped++
			}
		})
	})
	list := make([]Unreachable, 0, len(byAddr))
	for _, u := range byAddr {
		list = append(list, *u)
	}
	slices.SortFunc(list, func(a, b Unreachable) int { return a.Addr.Netip().Compare(b.Addr.Netip()) })
	return list
}

// SkipUnreachable sets whether the schedulers pass over real servers that packets cannot
// reach.
func (c *Control) SkipUnreachable(skip bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.skip != skip {
		c.skip = skip
		c.follow()
	}
}

// Compare compares the recent connections of the servers of each service. It is called
// every ComparePeriod. It returns the servers that became suspect or are no longer, and the
// next hops of the servers that gave no sign of life to their new connections.
func (c *Control) Compare() (changed []service.Verdict, quiet []*neigh.Hop) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed, ids := c.registry.Compare()
	hops := c.shared.View().Hops
	for _, id := range ids {
		quiet = append(quiet, hops.Server(id))
	}
	return changed, quiet
}
