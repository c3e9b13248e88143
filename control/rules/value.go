package rules

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"director/packet"
	"director/service"
)

// defaultPersistence is what -p means without a number of seconds in ipvsadm
// 1.31. Its manual page says 300.
const defaultPersistence = 360

// bounds are the lowest and highest value of an option.
type bounds struct {
	what        string // in ipvsadm's messages
	least, most int64
}

// ranges holds the bounds of the options that take a number. The others have no text.
var ranges = [unchecked + 1]bounds{
	weight:         {"weight", 0, math.MaxInt32},
	upperThreshold: {"u_threshold", 0, math.MaxInt32},
	lowerThreshold: {"l_threshold", 0, math.MaxInt32},
	tunPort:        {"tunnel port", 1, math.MaxUint16},
	syncID:         {"syncid", 0, math.MaxUint8},
	syncMaxLen:     {"sync-maxlen", 1, math.MaxUint16 - 28}, // without the headers of IPv4 and UDP
	mcastPort:      {"mcast-port", 1, math.MaxUint16},
	mcastTTL:       {"mcast-ttl", 1, math.MaxUint8},
}

// read stores the value of an option. What depends on other options is left to
// finish.
func (d *draft) read(it item) (err error) {
	n := int64(0)
	if b := ranges[it.name]; b.what != "" {
		if n, err = number(it, it.arg, b, "illegal "+b.what+" specified"); err != nil {
			return err
		}
	}
	switch it.name {
	case serviceAddress:
		return d.address(it)
	case realServer:
		return d.realServer(it)
	case netmask:
		return d.mask(it)
	case persistent:
		return d.persistence(it)
	case forwardingMethod:
		d.Server.Method = methods[it.long]
	case weight:
		d.Server.Weight = int32(n)
	case upperThreshold:
		d.Server.Upper = uint32(n)
	case lowerThreshold:
		d.Server.Lower = uint32(n)
	case tunType:
		return d.tunnelType(it)
	case tunPort:
		d.Server.Tunnel.Port = uint16(n)
	case tunCsum:
		d.Server.Tunnel.Checksum = packet.WithChecksum
	case tunRemCsum:
		d.Server.Tunnel.Checksum = packet.WithRemoteChecksum
	case mcastGroup:
		return checkGroup(it)
	case unchecked:
		if it.long == "ipv6" {
			if d.given[serviceAddress].option == nil || d.Service.Mark == 0 {
				return &Error{Err: errors.New("-6 used before -f"), Line: "-6 used before -f\n"}
			}
			d.ipv6 = true
		}
	}
	return nil
}

var methods = map[string]service.Method{"masquerading": service.NAT, "gatewaying": service.DR, "ipip": service.TUN}

// number reads a decimal number within b. s is the number, it is its option, and
// line is the one message that ipvsadm has for every mistake in it.
func number(it item, s string, b bounds, line string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	var text string
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		text = fmt.Sprintf("%s: want a number from %d to %d", line, b.least, b.most)
	case n < b.least:
		text = fmt.Sprintf("%s must be %d or more", b.what, b.least)
	case n > b.most:
		text = fmt.Sprintf("%s must be %d or less", b.what, b.most)
	default:
		return n, nil
	}
	return 0, &Error{Err: fmt.Errorf("%s: %s", it, text), Line: line}
}

// seconds reads a time.
func seconds(it item, s string, least int64) (uint32, error) {
	n, err := number(it, s, bounds{"timeout", least, service.MaxSeconds}, fmt.Sprintf("invalid timeout value `%s' specified", s))
	return uint32(n), err
}

func (d *draft) timeouts(words []string) error {
	set := options[slices.IndexFunc(options, func(o option) bool { return o.verb == SetTimeouts })]
	if len(words) < 3 {
		return misusedLine("--set option requires 3 timeout values")
	}
	for i, to := range []*uint32{&d.Timeouts.TCP, &d.Timeouts.TCPFIN, &d.Timeouts.UDP} {
		n, err := seconds(item{option: &set, spelled: "--set " + words[i]}, words[i], 0)
		if err != nil {
			return err
		}
		*to = n
	}
	return nil
}

func (d *draft) persistence(it item) (err error) {
	if it.bare {
		d.Service.Persistent = defaultPersistence
		return nil
	}
	d.Service.Persistent, err = seconds(it, it.arg, 1)
	return err
}

// address reads the address, port and protocol of the service, or its mark.
func (d *draft) address(it item) error {
	k := &d.Service.Key
	switch it.long {
	case "fwmark-service":
		n, err := number(it, it.arg, bounds{"fwmark", 1, math.MaxUint32}, fmt.Sprintf("invalid fwmark value `%s' specified", it.arg))
		k.Mark = uint32(n)
		return err
	case "tcp-service":
		k.Proto = packet.ProtoTCP
	case "udp-service":
		k.Proto = packet.ProtoUDP
	case "sctp-service":
		k.Proto = packet.ProtoSCTP
	}
	e, err := parseEndpoint(it, "virtual server", k.Proto, d.resolver)
	if err != nil {
		return err
	}
	k.Addr, k.Port = packet.AddrFrom(e.addr), e.port
	d.ipv6 = e.addr.Is6()
	return nil
}

// realServer reads the address and port of the real server. Names of ports are
// looked up for TCP where the service is a firewall mark's.
func (d *draft) realServer(it item) (err error) {
	proto := d.Service.Proto
	if proto == 0 {
		proto = packet.ProtoTCP
	}
	d.server, err = parseEndpoint(it, "real server", proto, d.resolver)
	return err
}

// mask reads a netmask. A number is a mask of IPv6: ipvsadm takes one for IPv4 as
// well, but reads 24 as 0.0.0.24, so finishService refuses it.
func (d *draft) mask(it item) error {
	if isNumber(it.arg) {
		return nil
	}
	a, err := netip.ParseAddr(it.arg)
	if err != nil || !a.Is4() {
		return badMask(it)
	}
	b := a.As4()
	d.Service.HostMask = ^binary.BigEndian.Uint32(b[:])
	return nil
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func badMask(it item) error {
	return misused(it.String(), "illegal virtual server persistent mask specified", errors.New("want a mask such as 255.255.255.0"))
}

// checkRole checks the argument of --start-daemon and --stop-daemon.
func checkRole(it item) error {
	if it.arg == "master" || it.arg == "backup" {
		return nil
	}
	if it.verb == StopDaemon {
		return misused(it.String(), "illegal start_daemon specified")
	}
	return misused(it.String(), "illegal start-daemon parameter specified")
}

// checkGroup checks the multicast group of the sync daemon.
func checkGroup(it item) error {
	a, err := netip.ParseAddr(it.arg)
	if err == nil && a.IsMulticast() {
		return nil
	}
	family := "IPv4"
	if strings.Contains(it.arg, ":") {
		family = "IPv6"
	}
	return misused(it.String(), fmt.Sprintf("invalid %s mcast-group `%s'", family, it.arg))
}
