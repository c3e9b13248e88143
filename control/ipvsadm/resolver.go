package ipvsadm

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

// Resolver turns names into numbers. It is asked only about what is not a
// number already.
type Resolver interface {
	// Host returns an IPv4 address of a host.
	Host(name string) (netip.Addr, error)
	// Port returns the port of a service over packet.ProtoTCP, ProtoUDP or
	// ProtoSCTP.
	Port(name string, proto uint8) (uint16, error)
}

// Namer turns numbers into names, for listings without -n. An empty name means
// that there is none.
type Namer interface {
	HostName(netip.Addr) string
	PortName(port uint16, proto uint8) string
}

// System asks the host: /etc/hosts, DNS, /etc/services.
type System struct{}

// Host implements Resolver. Of several addresses it takes the first, as ipvsadm
// does.
func (System) Host(name string) (netip.Addr, error) {
	addrs, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip4", name)
	if err != nil {
		return netip.Addr{}, err
	}
	return addrs[0].Unmap(), nil
}

// Port implements Resolver.
func (System) Port(name string, proto uint8) (uint16, error) {
	if proto == packet.ProtoSCTP {
		if port, ok := services().ports[name+"/sctp"]; ok {
			return port, nil
		}
		return 0, &net.DNSError{Err: "unknown port", Name: "sctp/" + name, IsNotFound: true}
	}
	port, err := net.DefaultResolver.LookupPort(context.Background(), protocols[proto], name)
	return uint16(port), err
}

// HostName implements Namer.
func (System) HostName(a netip.Addr) string {
	names, err := net.DefaultResolver.LookupAddr(context.Background(), a.String())
	if err != nil || len(names) == 0 {
		return ""
	}
	return strings.TrimSuffix(names[0], ".")
}

// PortName implements Namer.
func (System) PortName(port uint16, proto uint8) string {
	return services().names[strconv.Itoa(int(port))+"/"+protocols[proto]]
}

// protocols are the names in /etc/services.
var protocols = map[uint8]string{packet.ProtoTCP: "tcp", packet.ProtoUDP: "udp", packet.ProtoSCTP: "sctp"}

type serviceNames struct {
	ports map[string]uint16 // by name and protocol: "http/tcp"
	names map[string]string // by port and protocol: "80/tcp"
}

// services reads /etc/services, where of several entries the first counts. The
// standard library reads it too, but only forwards, and not for SCTP.
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
