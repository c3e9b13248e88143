package control

import (
	"fmt"

	"director/neigh"
	"director/packet"
	"director/service"
)

// NetworkError reports why the network of this host cannot reach a real server by the
// method of its rule. It matches service.ErrInvalid.
type NetworkError struct{ text string }

func (e *NetworkError) Error() string { return e.text }
func (e *NetworkError) Unwrap() error { return service.ErrInvalid }

// CheckServers returns an error for the first real server of specs that the network
// cannot reach by the method of its rule. The error is a *NetworkError.
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

// network is the state of the network, which real servers are checked against.
type network struct {
	neigh.Snapshot
	hops  *neigh.Table
	other map[packet.Addr]string // the interface of an address, if --interface does not have it, or ""
}

func networkOf(s neigh.Snapshot) *network {
	return &network{s, neigh.New(s, nil), map[packet.Addr]string{}}
}

func (n *network) check(server *service.ServerSpec) error {
	if n.hops.Local(server.Addr) {
		if server.Method != service.DR {
			return &NetworkError{fmt.Sprintf("real server %v is an address of this host: only the method -g can forward to it", server.Addr)}
		}
		return nil
	}
	name, known := n.other[server.Addr]
	if !known {
		if link, routed := n.Egress(server.Addr.Netip()); routed && link.Interface < 0 {
			name = link.Name
		}
		n.other[server.Addr] = name
	}
	if name != "" {
		return &NetworkError{fmt.Sprintf("real server %v is reached through %s: add it to --interface", server.Addr, name)}
	}
	return nil
}
