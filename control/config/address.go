package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"director/packet"
	"director/service"
)

// maxName is the length of the longest interface name (IFNAMSIZ - 1).
const maxName = 15

// interfaces is a list of different interface names.
func interfaces(p *[]string) value {
	return value{
		kind: "A[,B...]",
		set: func(s string) error {
			list := strings.Split(s, ",")
			if len(list) > packet.MaxInterfaces {
				return fmt.Errorf("%d interfaces: want %d or fewer", len(list), packet.MaxInterfaces)
			}
			for i, n := range list {
				if err := checkName(n); err != nil {
					return err
				}
				if slices.Contains(list[:i], n) {
					return fmt.Errorf("%s is given twice", n)
				}
			}
			*p = list
			return nil
		},
		get: func() []string {
			if len(*p) == 0 {
				return nil
			}
			return []string{strings.Join(*p, ",")}
		},
	}
}

// hostNames reads a list of host names (RFC 1123 §2.1).
func hostNames(p *[]string) value {
	return value{
		kind: "NAME[,NAME...]",
		set: func(s string) error {
			var list []string
			for n := range strings.SplitSeq(s, ",") {
				odd := func(r rune) bool {
					return r > unicode.MaxASCII || r != '-' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
				}
				if n == "" || len(n) > 253 || strings.ContainsFunc(n, odd) {
					return fmt.Errorf("%q is not a host name", n)
				}
				list = append(list, n)
			}
			*p = list
			return nil
		},
		get: func() []string {
			if len(*p) == 0 {
				return nil
			}
			return []string{strings.Join(*p, ",")}
		},
	}
}

// checkName returns an error if n cannot be the name of an interface (dev_valid_name in
// net/core/dev.c). In addition it refuses control characters and the comma.
func checkName(n string) error {
	odd := func(r rune) bool {
		return r == '/' || r == ':' || r == ',' || unicode.IsSpace(r) || unicode.IsControl(r)
	}
	switch {
	case n == "":
		return errors.New("an interface name is missing")
	case len(n) > maxName:
		return fmt.Errorf("%q is too long for an interface name: want %d bytes or fewer", n, maxName)
	case n == "." || n == ".." || strings.ContainsFunc(n, odd):
		return fmt.Errorf("%q cannot be an interface name", n)
	}
	return nil
}

// listener is the address of a TCP listener, or empty for none. Host names are refused,
// because their meaning depends on the host.
func listener(p *string) value {
	return value{
		kind: "ADDR",
		set: func(s string) error {
			if s != "" {
				host, port, err := net.SplitHostPort(s)
				if err != nil {
					return errors.New("want ADDRESS:PORT, as in 127.0.0.1:9464 or [::1]:9464")
				}
				if _, err := netip.ParseAddr(host); err != nil && host != "" {
					return fmt.Errorf("%q is not an IP address", host)
				}
				if _, err := inRange(port, 1, 65535); err != nil {
					return fmt.Errorf("port %q: %w", port, err)
				}
			}
			*p = s
			return nil
		},
		get: func() []string { return []string{*p} },
	}
}

// vipInterfaces is a list of VIP=IF. A later entry for the same VIP replaces an earlier
// one.
func vipInterfaces(p *[]VIPInterface) value {
	return value{
		kind: "VIP=IF",
		set: func(s string) error {
			vip, name, ok := strings.Cut(s, "=")
			if !ok {
				return errors.New("want VIP=INTERFACE, as in 192.0.2.10=eth0")
			}
			ip, err := parseIP(vip)
			if err == nil {
				err = checkName(name)
			}
			if err != nil {
				return err
			}
			replace(p, VIPInterface{ip, name}, func(v VIPInterface) bool { return v.VIP == ip })
			return nil
		},
		get: func() (settings []string) {
			for _, v := range *p {
				settings = append(settings, fmt.Sprintf("%s=%s", v.VIP, v.Interface))
			}
			return settings
		},
	}
}

// neighbors is a list of IP=MAC@IFACE. A later entry for the same address and interface
// replaces an earlier one.
func neighbors(p *[]Neighbor) value {
	return value{
		kind: "IP=MAC@IFACE",
		set: func(s string) error {
			n, err := ParseNeighbor(s)
			if err != nil {
				return err
			}
			replace(p, n, func(o Neighbor) bool { return o.IP == n.IP && o.Interface == n.Interface })
			return nil
		},
		get: func() (settings []string) {
			for _, n := range *p {
				settings = append(settings, fmt.Sprintf("%s=%s@%s", n.IP, n.MAC, n.Interface))
			}
			return settings
		},
	}
}

// ParseNeighbor reads the value of --neighbor.
func ParseNeighbor(s string) (n Neighbor, err error) {
	addr, rest, ok1 := strings.Cut(s, "=")
	hw, name, ok2 := strings.Cut(rest, "@")
	if !ok1 || !ok2 {
		return n, errors.New("want IP=MAC@INTERFACE, as in 10.0.0.11=02:00:00:00:01:01@eth1")
	}
	n.Interface = name
	if n.IP, err = parseIP(addr); err == nil {
		n.MAC, err = parseMAC(hw)
	}
	if err == nil {
		err = checkName(name)
	}
	return n, err
}

// replace replaces the element for which same is true by v. If there is none, it appends
// v.
func replace[T any](p *[]T, v T, same func(T) bool) {
	if i := slices.IndexFunc(*p, same); i >= 0 {
		(*p)[i] = v
		return
	}
	*p = append(*p, v)
}

func parseIP(s string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return ip, fmt.Errorf("%q is not an address such as 192.0.2.10", s)
	}
	return ip, service.CheckUnicast(ip)
}

// parseMAC reads the Ethernet address of a single station: not zero and not a group
// address (the lowest bit of the first octet, IEEE 802-2014 §8.2.2).
func parseMAC(s string) (packet.MAC, error) {
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != len(packet.MAC{}) {
		return packet.MAC{}, fmt.Errorf("%q is not an Ethernet address such as 02:00:00:00:01:01", s)
	}
	mac := packet.MAC(hw)
	if mac.IsZero() || mac[0]&1 != 0 {
		return mac, fmt.Errorf("%s is not the address of a single station", mac)
	}
	return mac, nil
}
