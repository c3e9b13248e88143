package replay

import (
	"net/netip"
	"slices"

	"director/config"
	"director/conntrack"
	"director/dataplane"
	"director/neigh"
	"director/packet"
	"director/service"
)

// loopbackMTU is that of Linux's lo, which holds the virtual addresses.
const loopbackMTU = 65536

// Host returns what the host is that c and r describe, in the form in which
// the kernel's neighbours and routes arrive.
func Host(c *config.Config, r *config.Replay) neigh.Snapshot {
	var s neigh.Snapshot
	index := map[string]int{}
	for i, l := range r.Links {
		index[l.Name] = i + 1
		link := neigh.Link{Name: l.Name, Index: i + 1, Arm: -1, MAC: l.MAC, MTU: l.MTU, Up: true, Addrs: l.Addrs}
		for arm, name := range c.Interfaces {
			if name == l.Name {
				link.Arm = arm
			}
		}
		s.Links = append(s.Links, link)
	}
	for _, d := range r.Routes {
		s.Routes = append(s.Routes, neigh.Route{
			Dst: d.Dst, Gateway: d.Gateway, Link: index[d.Interface], Source: d.Source, MTU: d.MTU,
		})
	}
	// Of two routes to one prefix the first counts, so what a flag says of a
	// link's subnet comes before what the kernel would have done by itself.
	for _, l := range s.Links {
		for _, a := range l.Addrs {
			if !a.IsSingleIP() {
				s.Routes = append(s.Routes, neigh.Route{Dst: a.Masked(), Link: l.Index, Source: a.Addr()})
			}
		}
	}
	for _, n := range c.Neighbors {
		s.Neighbors = append(s.Neighbors, neigh.Neighbor{IP: n.IP, MAC: n.MAC, Link: index[n.Interface]})
	}
	s.Links = append(s.Links, virtual(c.Services, len(s.Links)+1))
	return s
}

// virtual is the link that holds the services' addresses. It comes last, so
// that none of them is the source of a tunnel where there is another.
func virtual(services []service.Spec, index int) neigh.Link {
	l := neigh.Link{Name: "lo", Index: index, Arm: -1, MTU: loopbackMTU, Up: true}
	for _, s := range services {
		a := s.Addr.Netip()
		l.Addrs = append(l.Addrs, netip.PrefixFrom(a, a.BitLen()))
	}
	return l
}

// seeded returns the services with random numbers that follow from seed, each
// with its own.
func seeded(specs []service.Spec, seed int) []service.Spec {
	specs = slices.Clone(specs)
	for i := range specs {
		specs[i].Seed = uint64(seed)<<32 + uint64(i)
	}
	return specs
}

// newView is what the workers know from the first frame to the last.
func newView(c *config.Config, r *config.Replay) (*dataplane.View, error) {
	services, err := service.New(seeded(c.Services, r.Seed))
	if err != nil {
		return nil, err
	}
	servers := make([]packet.Addr, len(services.Servers()))
	for i, s := range services.Servers() {
		servers[i] = s.Addr
	}
	t := c.Timeouts
	return &dataplane.View{
		Services: services,
		Hops:     neigh.New(Host(c, r), servers),
		Timeouts: conntrack.NewTimeouts(t.TCP, t.TCPFIN, t.UDP),
	}, nil
}
