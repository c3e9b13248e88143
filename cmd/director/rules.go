package main

import (
	"director/host"
	"director/neigh"
	"director/service"
)

// checkRules refuses rules that this host cannot carry out.
func checkRules(specs []service.Spec, s neigh.Snapshot) error {
	hops := neigh.New(s, nil)
	for i := range specs {
		for _, server := range specs[i].Servers {
			link, routed := s.Egress(server.Addr.Netip())
			switch {
			case hops.Local(server.Addr):
				if server.Method != service.DR {
					return host.Usagef("real server %v is an address of this host: only -g can hand it connections", server.Addr)
				}
			case routed && link.Arm < 0:
				return host.Usagef("real server %v is reached by way of %s: add it to --interface", server.Addr, link.Name)
			}
		}
	}
	return nil
}
