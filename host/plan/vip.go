package plan

import (
	"fmt"
	"net/netip"

	"director/control/config"
	"director/service"
)

// VIPs lists the addresses of the services, and the prefixes of those firewall marks
// that have one. The host must hold the addresses and have a local route to each
// prefix.
func VIPs(services []service.Key, marks []service.Mark) (vips []netip.Addr, prefixes []netip.Prefix) {
	have := make(map[netip.Prefix]bool, len(services))
	add := func(p netip.Prefix) {
		switch {
		case have[p]:
			return
		case p.IsSingleIP():
			vips = append(vips, p.Addr())
		default:
			prefixes = append(prefixes, p)
		}
		have[p] = true
	}
	for _, s := range services {
		if s.Mark == 0 {
			add(netip.PrefixFrom(s.Addr.Netip(), s.Addr.Netip().BitLen()))
		}
		for _, m := range marks {
			if s.Mark == m.Mark {
				add(m.Prefix)
			}
		}
	}
	return vips, prefixes
}

// CheckInterfaces refuses flags that name an interface for which exists returns an
// error. Those of --interface are not checked: claiming them does.
func CheckInterfaces(c *config.Config, exists func(name string) error) error {
	for _, n := range c.Neighbors {
		if err := exists(n.Interface); err != nil {
			return fmt.Errorf("--neighbor %s: %w", n.IP, err)
		}
	}
	for _, v := range c.VIPInterfaces {
		if err := exists(v.Interface); err != nil {
			return fmt.Errorf("--vip-interface %s: %w", v.VIP, err)
		}
	}
	return nil
}
