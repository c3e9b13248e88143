package doctor

import (
	"fmt"

	"director/service"
)

// checkNetwork checks the IPv4 sysctls that matter for traffic of clients and servers that
// is not balanced. The kernel handles that traffic.
func checkNetwork(f *Facts, r *recorder) {
	checkForwarding(f, r)
	checkKernelIPVS(f, r)
	checkInitScript(f, r)
	for _, i := range f.Interfaces {
		if i.Missing != "" {
			continue
		}
		r.iface = i.Name
		checkRPFilter(f, i.Name, r)
		checkRedirects(f, i.Name, r)
		checkARP(f, i.Name, r)
	}
	r.iface = ""
}

// uses reports whether any real server has one of the forwarding methods.
func (f *Facts) uses(methods ...service.Method) bool {
	for _, s := range f.Config.Services {
		for _, server := range s.Servers {
			for _, m := range methods {
				if server.Method == m {
					return true
				}
			}
		}
	}
	return false
}

func set(name string, value int) string { return fmt.Sprintf("sysctl -w net.ipv4.%s=%d", name, value) }

func checkForwarding(f *Facts, r *recorder) {
	switch v := f.sysctl("ip_forward"); {
	case v < 0:
		r.unchecked("ip_forward", "the sysctl cannot be read", "")
		return
	case v == 0 && f.uses(service.NAT):
		r.add(Warn, "ip_forward", set("ip_forward", 1),
			"0: this host is the gateway of the real servers behind NAT, but the kernel does not forward their own traffic")
		return
	case v == 0:
		r.add(Note, "ip_forward", set("ip_forward", 1), "0: NAT (-m) needs it to be 1")
		return
	}
	r.ok("ip_forward", "1")
	for _, i := range f.Interfaces {
		if name := "conf." + i.Name + ".forwarding"; f.sysctl("conf/"+i.Name+"/forwarding") == 0 {
			r.add(Warn, "ip_forward", set(name, 1), "the kernel does not forward packets that arrive on %s", i.Name)
		}
	}
}

// strictest returns the larger of a sysctl's values for all interfaces and for one. Most
// sysctls use this value. It is -1 if either is not known.
func (f *Facts) strictest(iface, name string) int {
	all, own := f.sysctl("conf/all/"+name), f.sysctl("conf/"+iface+"/"+name)
	if all < 0 || own < 0 {
		return -1
	}
	return max(all, own)
}

func checkRPFilter(f *Facts, iface string, r *recorder) {
	switch v := f.strictest(iface, "rp_filter"); v {
	case -1:
		r.unchecked("rp_filter", "the sysctl cannot be read", "")
	case 1:
		r.add(Note, "rp_filter", set("conf."+iface+".rp_filter", 2),
			"1 (strict): the kernel drops a packet if the route to its source uses another interface; "+
				"this concerns pings and the real servers' own traffic, not balanced traffic")
	default:
		r.ok("rp_filter", "%d", v)
	}
}

// checkRedirects is about NAT with one interface. If the kernel forwards a real server's
// own packet by the interface that it came from, it sends the server a redirect. The
// answers to clients then bypass the director.
func checkRedirects(f *Facts, iface string, r *recorder) {
	switch v := f.strictest(iface, "send_redirects"); {
	case v == -1:
		r.unchecked("send_redirects", "the sysctl cannot be read", "")
	case v == 0:
		r.ok("send_redirects", "0")
	case len(f.Interfaces) == 1 && f.uses(service.NAT):
		r.add(Warn, "send_redirects", set("conf.all.send_redirects", 0)+fmt.Sprintf(" net.ipv4.conf.%s.send_redirects=0", iface),
			"1: with NAT on one interface, the kernel may send redirects to real servers, whose answers then bypass the director")
	default:
		r.ok("send_redirects", "1")
	}
}

// checkARP checks whether the kernel answers ARP for the VIPs, which are /32s.
func checkARP(f *Facts, iface string, r *recorder) {
	switch v := f.strictest(iface, "arp_ignore"); {
	case v == -1:
		r.unchecked("arp_ignore", "the sysctl cannot be read", "")
	case v == 2 || v > 3:
		r.add(Warn, "arp_ignore", set("conf.all.arp_ignore", 0)+fmt.Sprintf(" net.ipv4.conf.%s.arp_ignore=0", iface),
			"%d: the kernel does not answer ARP requests for VIPs, because they are /32 addresses", v)
	case v == 0 && len(f.Interfaces) > 1:
		r.add(Note, "arp_ignore", set("conf."+iface+".arp_ignore", 1),
			"0: the kernel also answers ARP requests for addresses of other interfaces, which is wrong if two interfaces are in one segment")
	default:
		r.ok("arp_ignore", "%d", v)
	}
}
