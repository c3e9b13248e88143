package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"director/packet"
	"director/service"
)

// marks is a list of MARK=PROTO,PREFIX[,PORTS]. The order is significant: entries of flags
// files come before those of the command line.
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
	if m.Mark, err = service.ParseMark(number); err != nil {
		return m, err
	}
	if m.Proto, ok = packet.ParseProto(words[0]); !ok {
		return m, fmt.Errorf("protocol %q: want tcp, udp or sctp", words[0])
	}
	m.Prefix, err = parseDestination(words[1])
	if err == nil && len(words) == 3 {
		m.Ports, err = parsePorts(words[2])
	}
	return m, err
}

func formatMark(m service.Mark) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d=%s,%s", m.Mark, packet.ProtoName(m.Proto), m.Prefix)
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

// parseDestination reads an address or a prefix that holds unicast addresses.
// Bits beyond the prefix length are ignored, as in --route and in iptables -d.
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
	// A prefix shorter than a reserved block may begin with one and still hold
	// unicast addresses, unless it lies in 224/3, which has none.
	if first := p.Addr(); p.Bits() >= 8 || first.As4()[0] >= 224 {
		err = service.CheckUnicast(first)
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
			return nil, fmt.Errorf("the range %s is in the wrong order: write %s-%s", part, to, from)
		}
		ranges = append(ranges, service.PortRange{First: uint16(first), Last: uint16(last)})
	}
	return ranges, nil
}
