package doctor

import (
	"fmt"
	"net/netip"
	"slices"

	"director/control"
	"director/neigh"
	"director/packet"
	"director/service"
)

// checkServers checks whether each real server can be reached by the forwarding method of
// its rule.
func checkServers(f *Facts, r *recorder) {
	if len(f.Config.Services) == 0 {
		r.add(Note, "rules", "--flagfile=FILE", "no service is configured")
		return
	}
	for _, s := range f.Config.Services {
		marked := func(m service.Mark) bool { return m.Mark == s.Mark }
		if s.Mark != 0 && !slices.ContainsFunc(f.Config.Marks, marked) {
			r.add(Warn, "fwmark", "--fwmark", "no --fwmark defines mark %d, so its service gets no traffic", s.Mark)
		}
	}
	if f.Network.Err != "" {
		r.unchecked("routes", f.Network.Err, "")
		return
	}
	checkGateways(f, r)
	servers, addrs := f.servers()
	hops := neigh.New(f.Network.Snapshot, addrs)
	refused := control.CheckServers(f.Config.Services, f.Network.Snapshot) != nil
	good := 0
	for n, server := range servers {
		switch {
		case refused && checkRefused(f, r, server):
		case checkHop(f, r, server, hops.Server(uint32(n))):
			good++
		}
	}
	if good > 0 {
		r.ok("routes", "%d of %d real servers are behind a served interface, and their Ethernet addresses are known",
			good, len(servers))
	}
	if f.uses(service.DR, service.TUN) {
		r.add(Note, "arp", "on the real servers: sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
			"real servers with -g or -i have the VIP as their own address and must not answer ARP requests for it")
	}
}

// checkGateways checks the gateways on the way to clients and distant servers.
func checkGateways(f *Facts, r *recorder) {
	s := &f.Network.Snapshot
	seen := map[netip.Addr]bool{}
	for _, route := range s.Routes {
		i := slices.IndexFunc(s.Links, func(l neigh.Link) bool { return l.Index == route.Link })
		if !route.Gateway.IsValid() || i < 0 || s.Links[i].Interface < 0 || seen[route.Gateway] {
			continue
		}
		seen[route.Gateway] = true
		if f.Network.Unanswered[route.Gateway] {
			r.add(Warn, "gateway", ping(route.Gateway), "the gateway %v on %s does not answer ARP requests", route.Gateway, s.Links[i].Name)
		}
	}
}

// ping returns the command that makes the kernel resolve a neighbour and shows the result.
func ping(a netip.Addr) string { return fmt.Sprintf("ping -c 1 %v; ip neigh show %v", a, a) }

// servers lists the real servers, once for each method, with their addresses.
func (f *Facts) servers() (list []service.ServerSpec, addrs []packet.Addr) {
	seen := map[service.ServerSpec]bool{}
	for _, s := range f.Config.Services {
		for _, server := range s.Servers {
			key := service.ServerSpec{Addr: server.Addr, Method: server.Method}
			if !seen[key] {
				seen[key] = true
				list, addrs = append(list, key), append(addrs, server.Addr)
			}
		}
	}
	return list, addrs
}

// checkRefused reports whether run refuses a real server because of the network.
func checkRefused(f *Facts, r *recorder, server service.ServerSpec) bool {
	alone := []service.Spec{{Servers: []service.ServerSpec{server}}}
	err := control.CheckServers(alone, f.Network.Snapshot)
	if err == nil {
		return false
	}
	detail, remedy := remedied(err.Error())
	r.add(Fail, "routes", remedy, "%s", detail)
	return true
}

// checkHop reports whether packets can reach a real server by a hop.
func checkHop(f *Facts, r *recorder, server service.ServerSpec, hop *neigh.Hop) bool {
	via := hop.NextHop(server.Addr)
	switch {
	case hop.Reason == packet.NoRoute:
		r.add(Warn, "routes", "ip route add "+server.Addr.String()+" via GATEWAY", "there is no route to real server %v", server.Addr)
	case hop.Reason == packet.LinkDown:
		r.add(Warn, "routes", "", "the link to real server %v is down", server.Addr)
	case hop.Reason == packet.Neighbor && f.Network.Unanswered[via.Netip()]:
		r.add(Warn, "neighbor", ping(via.Netip()), "%v, the next hop of real server %v, does not answer ARP requests", via, server.Addr)
	case server.Method == service.DR && hop.Reason != packet.LocalServer && via != server.Addr:
		r.add(Warn, "routes", "use -i or -m in its rule", "real server %v with -g is behind the gateway %v, which sends packets for the VIP back to the director",
			server.Addr, via)
	case hop.Reason == packet.Neighbor:
		r.add(Note, "neighbor", ping(via.Netip()), "%v, the next hop of real server %v, is not resolved yet; run will resolve it",
			via, server.Addr)
	default:
		return true
	}
	return false
}
