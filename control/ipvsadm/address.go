package ipvsadm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"director/packet"
)

// Resolver turns names into numbers. It is asked only about what is not a
// number already.
type Resolver interface {
	// Host returns an IPv4 address of a host.
	Host(name string) (netip.Addr, error)
	// Port returns the port of a service over packet.ProtoTCP or ProtoUDP.
	Port(name string, proto uint8) (uint16, error)
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
	network := "tcp"
	if proto == packet.ProtoUDP {
		network = "udp"
	}
	port, err := net.DefaultResolver.LookupPort(context.Background(), network, name)
	return uint16(port), err
}

var errIPv6 = errors.New("IPv6 is not supported by this version")

// endpoint is HOST[:PORT]; without PORT the port is 0.
type endpoint struct {
	addr netip.Addr
	port uint16
}

// parseEndpoint reads the argument of it, the address of a virtual or real
// server (what). The address is a unicast IPv4 address.
func parseEndpoint(it item, what string, proto uint8, r Resolver) (endpoint, error) {
	e, err := split(it.arg, proto, r)
	if err == nil {
		err = CheckUnicast(e.addr)
	}
	switch {
	case errors.Is(err, errIPv6):
		err = fmt.Errorf("%s: %w", it, err)
	case err != nil:
		err = fmt.Errorf("%s: illegal %s address[:port] specified: %w", it, what, err)
	}
	return e, err
}

func split(s string, proto uint8, r Resolver) (e endpoint, err error) {
	if strings.HasPrefix(s, "[") || strings.Count(s, ":") > 1 {
		return e, errIPv6
	}
	host, service, hasPort := strings.Cut(s, ":")
	if e.addr, err = hostAddr(host, r); err != nil || !hasPort {
		return e, err
	}
	e.port, err = servicePort(service, proto, r)
	return e, err
}

func hostAddr(host string, r Resolver) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr, nil
	}
	if strings.Trim(host, "0123456789.") == "" {
		return netip.Addr{}, errors.New("want an address such as 192.0.2.10 or a name")
	}
	return r.Host(host)
}

func servicePort(s string, proto uint8, r Resolver) (uint16, error) {
	if s == "" {
		return 0, errors.New("no port after the colon")
	}
	if strings.Trim(s, "0123456789") != "" {
		return r.Port(s, proto)
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, errors.New("port must be 65535 or less")
	}
	return uint16(n), nil
}

// reserved are the blocks of IPv4 that are no unicast addresses: "this network"
// (RFC 1122 §3.2.1.3), multicast (RFC 5771) and class E with the limited
// broadcast address (RFC 1112 §4).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("240.0.0.0/4"),
}

// CheckUnicast says why this version cannot forward to or for a: it is IPv6 or
// no unicast address.
func CheckUnicast(a netip.Addr) error {
	if !a.Is4() {
		return errIPv6
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return fmt.Errorf("%s is not a unicast address", a)
		}
	}
	return nil
}
