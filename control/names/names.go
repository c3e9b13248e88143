// Package names looks up names of hosts and services on the host: in /etc/hosts, the
// DNS and /etc/services. It is apart from package rules so that reading rules does
// not need the network.
package names

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"

	"director/packet"
)

// System implements rules.Resolver and rules.Namer.
type System struct{}

// Host implements rules.Resolver. Like ipvsadm it takes the first of several
// addresses.
func (System) Host(name string) (netip.Addr, error) {
	addrs, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip4", name)
	if err != nil {
		return netip.Addr{}, err
	}
	return addrs[0].Unmap(), nil
}

// Port implements rules.Resolver.
func (System) Port(name string, proto uint8) (uint16, error) {
	if proto == packet.ProtoSCTP {
		if port, ok := services().ports[name+"/sctp"]; ok {
			return port, nil
		}
		return 0, &net.DNSError{Err: "unknown port", Name: "sctp/" + name, IsNotFound: true}
	}
	port, err := net.DefaultResolver.LookupPort(context.Background(), packet.ProtoName(proto), name)
	return uint16(port), err
}

// HostName implements rules.Namer.
func (System) HostName(a netip.Addr) string {
	names, err := net.DefaultResolver.LookupAddr(context.Background(), a.String())
	if err != nil || len(names) == 0 {
		return ""
	}
	return strings.TrimSuffix(names[0], ".")
}

// PortName implements rules.Namer.
func (System) PortName(port uint16, proto uint8) string {
	return services().names[strconv.Itoa(int(port))+"/"+packet.ProtoName(proto)]
}

type serviceNames struct {
	ports map[string]uint16 // by name and protocol: "http/tcp"
	names map[string]string // by port and protocol: "80/tcp"
}

// services reads /etc/services once. The first of several entries counts. The
// standard library reads the file too, but it has no look-up by port, and none for
// SCTP.
var services = sync.OnceValue(func() serviceNames {
	s := serviceNames{map[string]uint16{}, map[string]string{}}
	f, err := os.Open("/etc/services")
	if err != nil {
		return s
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text) // http 80/tcp www
		if len(words) < 2 {
			continue
		}
		number, proto, _ := strings.Cut(words[1], "/")
		port, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			continue
		}
		if s.names[words[1]] == "" {
			s.names[words[1]] = words[0]
		}
		for i, name := range words {
			if i != 1 && s.ports[name+"/"+proto] == 0 {
				s.ports[name+"/"+proto] = uint16(port)
			}
		}
	}
	return s
})
