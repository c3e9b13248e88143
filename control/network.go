package control

import (
	"fmt"

	"director/neigh"
	"director/service"
)

// NetworkError says why a real server cannot be reached as its rule asks for, on
// this host as its network is now. It is a service.ErrInvalid.
type NetworkError struct{ text string }

func (e *NetworkError) Error() string { return e.text }
func (e *NetworkError) Unwrap() error { return service.ErrInvalid }

// CheckServers refuses the first real server of specs that the network does not
// allow for. The error is a *NetworkError.
func CheckServers(specs []service.Spec, s neigh.Snapshot) error {
	n := networkOf(s)
	for i := range specs {
		for j := range specs[i].Servers {
			if err := n.check(&specs[i].Servers[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

// network is what rules are held against.
type network struct {
	neigh.Snapshot
	hops *neigh.Table
}

func networkOf(s neigh.Snapshot) *network { return &network{s, neigh.New(s, nil)} }

func (n *network) check(server *service.ServerSpec) error {
	link, routed := n.Egress(server.Addr.Netip())
	switch {
	case n.hops.Local(server.Addr):
		if server.Method != service.DR {
			return &NetworkError{fmt.Sprintf("real server %v is an address of this host: only -g can hand it connections", server.Addr)}
		}
	case routed && link.Interface < 0:
		return &NetworkError{fmt.Sprintf("real server %v is reached by way of %s: add it to --interface", server.Addr, link.Name)}
	}
	return nil
}
