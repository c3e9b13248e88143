package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"director/control/ipvsadm"
	"director/packet"
	"director/service"
)

// protocols are those that a service can have, by the names of --fwmark.
var protocols = []struct {
	name   string
	number uint8
}{
	{"tcp", packet.ProtoTCP},
	{"udp", packet.ProtoUDP},
	{"sctp", packet.ProtoSCTP},
}

// marks is a list of MARK=PROTO,PREFIX[,PORTS], whose order counts: flags files
// come before the command line.
func marks(p *[]service.Mark) value {
	return value{
		kind: "MARK=PROTO,PREFIX[,PORTS]",
		set: func(s string) error {
			m, err := parseMark(s)
			if err != nil {
				return err
			}
			replace(p, m, func(o service.Mark) bool { return formatMark(o) == formatMark(m) })
			return nil
		},
		get: func() (settings []string) {
			for _, m := range *p {
				settings = append(settings, formatMark(m))
			}
			return settings
		},
	}
}

func parseMark(s string) (m service.Mark, err error) {
	number, rest, ok := strings.Cut(s, "=")
	words := strings.Split(rest, ",")
	if !ok || len(words) < 2 || len(words) > 3 {
		return m, errors.New("want MARK=PROTO,PREFIX,PORTS, as in 1=tcp,192.0.2.10,80+443, or without PORTS for all")
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n == 0 {
		return m, fmt.Errorf("mark %q: want a number from 1 to %d", number, uint32(math.MaxUint32))
	}
	m.Mark = uint32(n)
	if m.Proto, err = parseProtocol(words[0]); err == nil {
		m.Prefix, err = parseDestination(words[1])
	}
	if err == nil && len(words) == 3 {
		m.Ports, err = parsePorts(words[2])
	}
	return m, err
}

func formatMark(m service.Mark) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d=", m.Mark)
	for _, p := range protocols {
		if p.number == m.Proto {
			s.WriteString(p.name)
		}
	}
	s.WriteString("," + m.Prefix.String())
	separator := ","
	for _, r := range m.Ports {
		s.WriteString(separator + strconv.Itoa(int(r.First)))
		if r.Last != r.First {
			s.WriteString("-" + strconv.Itoa(int(r.Last)))
		}
		separator = "+"
	}
	return s.String()
}

func parseProtocol(s string) (uint8, error) {
	for _, p := range protocols {
		if p.name == s {
			return p.number, nil
		}
	}
	return 0, fmt.Errorf("protocol %q: want tcp, udp or sctp", s)
}

// parseDestination reads an address or a prefix that holds unicast addresses.
// Bits beyond the prefix do not count, as in --route and in iptables -d.
func parseDestination(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		ip, err := parseIP(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := parsePrefix(s)
	if err != nil {
		return p, err
	}
	p = p.Masked()
	// A wider prefix than a reserved block may begin with one.
	if first := p.Addr(); p.Bits() >= 8 || first.As4()[0] >= 224 {
		err = ipvsadm.CheckUnicast(first)
	}
	return p, err
}

// parsePorts reads ports and ranges, "80+443" or "1024-65535".
func parsePorts(s string) (ranges []service.PortRange, err error) {
	for part := range strings.SplitSeq(s, "+") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err1 := inRange(from, 1, math.MaxUint16)
		last, err2 := inRange(to, 1, math.MaxUint16)
		switch {
		case err1 != nil || err2 != nil:
			return nil, fmt.Errorf("ports %q: want ports such as 80+443 or 1024-65535", s)
		case first > last:
			return nil, fmt.Errorf("the range %s runs backwards: write %s-%s", part, to, from)
		}
		ranges = append(ranges, service.PortRange{First: uint16(first), Last: uint16(last)})
	}
	return ranges, nil
}
