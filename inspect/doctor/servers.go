package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

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
	for _, mark := range f.Config.UndefinedMarks() {
		r.add(Warn, "fwmark", "--fwmark", "no --fwmark defines mark %d, so its service gets no traffic", mark)
	}
	if f.Network.Err != "" {
		r.unchecked("routes", f.Network.Err, "")
		return
	}
	servers, addrs := f.servers()
	hops := neigh.New(f.Network.Snapshot, addrs)
	refused := control.CheckServers(f.Config.Services, f.Network.Snapshot) != nil
	good := 0
	var bad troubles
	for n, server := range servers {
		if refused && checkRefused(f, r, server) {
			continue
		}
		if t, ok := troubleOf(f, server, hops.Server(uint32(n))); ok {
			bad.add(t, server.Addr)
		} else {
			good++
		}
	}
	bad.report(r)
	checkGateways(f, r, &bad)
	if good > 0 {
		r.ok("routes", "%d of %d real servers are behind a served interface, and their Ethernet addresses are known",
			good, len(servers))
	}
	if f.uses(service.DR, service.TUN) {
		r.add(Note, "arp", "on the real servers: sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
			"real servers with -g or -i have the VIP as their own address and must not answer ARP requests for it")
	}
}

// checkGateways checks the gateways on the way to clients and distant servers, except for
// those that were reported as the next hop of servers.
func checkGateways(f *Facts, r *recorder, reported *troubles) {
	s := &f.Network.Snapshot
	seen := map[netip.Addr]bool{}
	for _, route := range s.Routes {
		i := slices.IndexFunc(s.Links, func(l neigh.Link) bool { return l.Index == route.Link })
		if !route.Gateway.IsValid() || i < 0 || s.Links[i].Interface < 0 || seen[route.Gateway] {
			continue
		}
		seen[route.Gateway] = true
		if f.Network.Unanswered[route.Gateway] && !reported.of(route.Gateway) {
			r.add(Warn, "gateway", ping(route.Gateway.String()), "the gateway %v on %s does not answer ARP requests", route.Gateway, s.Links[i].Name)
		}
	}
}

// ping returns the command that makes the kernel resolve a neighbour and shows the result.
func ping(nextHop string) string { return "ping -c 1 " + nextHop + "; ip neigh show " + nextHop }

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

// trouble is a reason why packets cannot get to some real servers. In text and remedy, %[1]s
// stands for the servers, %[2]s for the next hop, and %[3]s for the first server.
type trouble struct {
	level               Level
	check, text, remedy string
	via                 packet.Addr // the next hop, if it is about that
}

// troubles groups servers by their trouble: of a next hop there is one finding, however many
// servers are behind it, and by whatever methods.
type troubles struct {
	order   []trouble
	servers map[trouble][]packet.Addr
}

func (all *troubles) add(t trouble, server packet.Addr) {
	if all.servers == nil {
		all.servers = map[trouble][]packet.Addr{}
	}
	known, found := all.servers[t]
	if !found {
		all.order = append(all.order, t)
	}
	if !slices.Contains(known, server) {
		all.servers[t] = append(known, server)
	}
}

// of reports whether there is trouble with a next hop.
func (all *troubles) of(via netip.Addr) bool {
	return slices.ContainsFunc(all.order, func(t trouble) bool { return t.check == neighbor && t.via.Netip() == via })
}

func (all *troubles) report(r *recorder) {
	for _, t := range all.order {
		servers := all.servers[t]
		words := []any{named(servers), t.via, servers[0]}
		r.add(t.level, t.check, fill(t.remedy, words), "%s", fill(t.text, words))
	}
}

// fill puts words into a text that may use only some of them.
func fill(text string, words []any) string {
	for i, w := range words {
		text = strings.ReplaceAll(text, fmt.Sprintf("%%[%d]s", i+1), fmt.Sprint(w))
	}
	return text
}

// named names the first real servers, and says how many more there are.
func named(servers []packet.Addr) string {
	const most = 3
	text := "real server"
	if len(servers) > 1 {
		text += "s"
	}
	for i, a := range servers[:min(most, len(servers))] {
		if i > 0 {
			text += ","
		}
		text += " " + a.String()
	}
	if more := len(servers) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// neighbor is the check of next hops.
const neighbor = "neighbor"

// troubleOf returns why packets cannot get to a real server by a hop, if they cannot.
func troubleOf(f *Facts, server service.ServerSpec, hop *neigh.Hop) (t trouble, found bool) {
	ask, via := ping("%[2]s"), hop.NextHop(server.Addr)
	switch {
	case hop.Reason == packet.NoRoute:
		t = trouble{Warn, "routes", "there is no route to %[1]s", "ip route add %[3]s via GATEWAY", packet.Addr{}}
	case hop.Reason == packet.LinkDown:
		t = trouble{Warn, "routes", "the link to %[1]s is down", "", packet.Addr{}}
	case hop.Reason == packet.Neighbor && f.Network.Unanswered[via.Netip()]:
		t = trouble{Warn, neighbor, "%[2]s, the next hop of %[1]s, does not answer ARP requests", ask, via}
	case server.Method == service.DR && hop.Reason != packet.LocalServer && via != server.Addr:
		t = trouble{Warn, "routes", "%[1]s with -g is behind the gateway %[2]s, which sends packets for the VIP back to the director", "use -i or -m in its rule", via}
	case hop.Reason == packet.Neighbor:
		t = trouble{Note, neighbor, "%[2]s, the next hop of %[1]s, is not resolved yet; run will resolve it", ask, via}
	default:
		return t, false
	}
	return t, true
}
