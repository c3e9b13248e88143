//go:build linux

package lab

import (
	"fmt"
	"net/netip"

	"director/service"
)

// The largest numbers of hosts of each kind. They are limited by the addresses.
const (
	maxClients = 100
	maxServers = 64
)

// Config describes the network to build. The zero Config has two arms with one queue each,
// one client, four servers and NAT.
type Config struct {
	Arms    int    // interfaces of the director, 1 or 2; 0 means 2
	Queues  [2]int // receive and transmit queues of eth0 and eth1; 0 means 1
	Clients int    // 0 means 1
	Sources int    // addresses of each client on the clients' segment; 0 means 1
	Servers int    // 0 means 4, as in the paper
	Method  service.Method

	// Offloads keeps segmentation, checksum and receive offload on at both ends of the
	// director's wires. AF_PACKET must work with that. If it is false, all frames that
	// reach the director have at most the MTU's size and complete checksums, as AF_XDP
	// needs them.
	Offloads bool

	StrictRPFilter bool // the director's rp_filter is 1 instead of 0
	VIPOnLink      bool // the virtual address is in the clients' subnet
}

// The addresses in the figures of the package comment.
var (
	frontNet  = netip.MustParsePrefix("198.51.100.0/24") // RFC 5737 TEST-NET-2
	backNet   = netip.MustParsePrefix("10.0.0.0/24")
	routedVIP = netip.MustParseAddr("192.0.2.10") // RFC 5737 TEST-NET-1
)

// The last octets of the hosts' addresses in both subnets.
const (
	directorOctet = 1
	vipOctet      = 10
	serverOctet   = 11  // and upwards
	clientOctet   = 101 // and upwards
)

// withDefaults replaces zero fields by their defaults. It refuses values that cannot be
// built.
func (c Config) withDefaults() (Config, error) {
	setDefault(&c.Arms, 2)
	setDefault(&c.Clients, 1)
	setDefault(&c.Sources, 1)
	setDefault(&c.Servers, 4)
	for i := range c.Queues {
		setDefault(&c.Queues[i], 1)
		if c.Queues[i] < 0 {
			return c, fmt.Errorf("lab: eth%d with %d queues: want 1 or more", i, c.Queues[i])
		}
	}
	switch {
	case c.Arms < 1 || c.Arms > 2:
		return c, fmt.Errorf("lab: %d arms: want 1 or 2", c.Arms)
	case c.Clients < 1 || c.Sources < 1 || c.Clients*c.Sources > maxClients:
		return c, fmt.Errorf("lab: %d clients with %d addresses: want 1 to %d in all", c.Clients, c.Sources, maxClients)
	case c.Servers < 1 || c.Servers > maxServers:
		return c, fmt.Errorf("lab: %d servers: want 1 to %d", c.Servers, maxServers)
	}
	return c, nil
}

// direct reports whether the servers answer the clients directly.
func (c Config) direct() bool { return c.Method != service.NAT }

// sources returns the addresses of client i. The first one is its main address.
func (c Config) sources(i int) (all []netip.Addr) {
	for k := range c.Sources {
		all = append(all, hostAddr(frontNet, clientOctet+i+k*c.Clients))
	}
	return all
}

func (c Config) vip() netip.Addr {
	if c.VIPOnLink {
		return hostAddr(frontNet, vipOctet)
	}
	return routedVIP
}

func setDefault(v *int, d int) {
	if *v == 0 {
		*v = d
	}
}

// hostAddr returns the address with the given last octet in an IPv4 subnet.
func hostAddr(subnet netip.Prefix, octet int) netip.Addr {
	b := subnet.Addr().As4()
	b[3] = byte(octet)
	return netip.AddrFrom4(b)
}
