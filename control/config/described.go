package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"director/service"
)

// The limits of an interface's MTU: the least that IPv4 allows for a link (RFC 791 §3.2),
// and the largest value of the length field.
const (
	lowestMTU   = 68
	highestMTU  = 65535
	ethernetMTU = 1500
)

// links is a list of NAME=MAC[,mtu=N][,addr=PREFIX...]. A later entry for the same name
// replaces an earlier one.
func links(p *[]Link) value {
	return value{
		kind: "NAME=MAC[,mtu=N][,addr=PREFIX...]",
		set: func(s string) error {
			l, err := ParseLink(s)
			if err != nil {
				return err
			}
			replace(p, l, func(o Link) bool { return o.Name == l.Name })
			return nil
		},
		get: func() (settings []string) {
			for _, l := range *p {
				s := fmt.Sprintf("%s=%s,mtu=%d", l.Name, l.MAC, l.MTU)
				for _, a := range l.Addrs {
					s += ",addr=" + a.String()
				}
				settings = append(settings, s)
			}
			return settings
		},
	}
}

// ParseLink reads the value of --link.
func ParseLink(s string) (l Link, err error) {
	words := strings.Split(s, ",")
	name, hw, ok := strings.Cut(words[0], "=")
	if !ok {
		return l, errors.New("want NAME=MAC,mtu=N,addr=PREFIX, as in eth0=02:00:00:00:00:01,mtu=1500,addr=192.0.2.1/24")
	}
	l = Link{Name: name, MTU: ethernetMTU}
	if err = checkName(name); err == nil {
		l.MAC, err = parseMAC(hw)
	}
	for _, w := range words[1:] {
		if err != nil {
			break
		}
		key, v, _ := strings.Cut(w, "=")
		switch key {
		case "mtu":
			l.MTU, err = parseMTU(v)
		case "addr":
			var a netip.Prefix
			if a, err = parsePrefix(v); err == nil {
				err = service.CheckUnicast(a.Addr())
			}
			l.Addrs = append(l.Addrs, a)
		default:
			err = fmt.Errorf("%q: want mtu=N or addr=PREFIX", w)
		}
	}
	return l, err
}

// routes is a list of PREFIX=[GATEWAY]@IF[,mtu=N][,src=IP]. A later entry for the same
// prefix replaces an earlier one.
func routes(p *[]Route) value {
	return value{
		kind: "PREFIX=[GATEWAY]@IF[,mtu=N][,src=IP]",
		set: func(s string) error {
			r, err := ParseRoute(s)
			if err != nil {
				return err
			}
			replace(p, r, func(o Route) bool { return o.Dst == r.Dst })
			return nil
		},
		get: func() (settings []string) {
			for _, r := range *p {
				settings = append(settings, r.String())
			}
			return settings
		},
	}
}

// String returns the route in the form of its flag.
func (r Route) String() string {
	s := r.Dst.String() + "="
	if r.Gateway.IsValid() {
		s += r.Gateway.String()
	}
	s += "@" + r.Interface
	if r.MTU != 0 {
		s += fmt.Sprintf(",mtu=%d", r.MTU)
	}
	if r.Source.IsValid() {
		s += ",src=" + r.Source.String()
	}
	return s
}

// ParseRoute reads the value of --route.
func ParseRoute(s string) (r Route, err error) {
	words := strings.Split(s, ",")
	dst, rest, ok1 := strings.Cut(words[0], "=")
	gateway, name, ok2 := strings.Cut(rest, "@")
	if !ok1 || !ok2 {
		return r, errors.New("want PREFIX=GATEWAY@INTERFACE, as in 0.0.0.0/0=192.0.2.254@eth0, or PREFIX=@INTERFACE")
	}
	r.Interface = name
	if r.Dst, err = parsePrefix(dst); err == nil {
		r.Dst = r.Dst.Masked()
		err = checkName(name)
	}
	if err == nil && gateway != "" {
		r.Gateway, err = parseIP(gateway)
	}
	for _, w := range words[1:] {
		if err != nil {
			break
		}
		key, v, _ := strings.Cut(w, "=")
		switch key {
		case "mtu":
			r.MTU, err = parseMTU(v)
		case "src":
			r.Source, err = parseIP(v)
		default:
			err = fmt.Errorf("%q: want mtu=N or src=IP", w)
		}
	}
	return r, err
}

func parseMTU(s string) (int, error) {
	n, err := inRange(s, lowestMTU, highestMTU)
	if err != nil {
		err = fmt.Errorf("mtu=%s: %w", s, err)
	}
	return n, err
}

func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, fmt.Errorf("%q is not an address with a prefix length, such as 192.0.2.1/24", s)
	case !p.Addr().Is4():
		return p, errors.New("IPv6 is not supported by this version")
	}
	return p, nil
}
