package rules

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// endpoint is HOST[:PORT].
type endpoint struct {
	addr    netip.Addr
	port    uint16
	hasPort bool
}

// parseEndpoint reads the address and port in the argument of an option. The
// address may be IPv6. what is "virtual server" or "real server", for the
// message.
func parseEndpoint(it item, what string, proto uint8, r Resolver) (endpoint, error) {
	e, err := split(it.arg, proto, r)
	if err != nil {
		return e, misused(it.String(), "illegal "+what+" address[:port] specified", err)
	}
	return e, nil
}

func split(s string, proto uint8, r Resolver) (e endpoint, err error) {
	host, service, hasPort := strings.Cut(s, ":")
	switch {
	case strings.HasPrefix(s, "["):
		if host, service, hasPort = strings.Cut(s[1:], "]:"); !hasPort {
			return e, errors.New("no port after the bracket")
		}
		e.addr, err = addr6(host)
	case strings.Contains(service, ":"):
		hasPort = false
		e.addr, err = addr6(s)
	default:
		e.addr, err = hostAddr(host, r)
	}
	if err != nil || !hasPort {
		return e, err
	}
	e.port, err = servicePort(service, proto, r)
	e.hasPort = true
	return e, err
}

func addr6(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil || !addr.Is6() || addr.Is4In6() || addr.Zone() != "" {
		return addr, errors.New("no IPv6 address")
	}
	return addr, nil
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
