package capture

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"director/dataplane"
	"director/packet"
	"director/service"
)

// ErrUsage is matched by errors about invalid options.
var ErrUsage = errors.New("wrong options")

func usagef(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUsage, fmt.Errorf(format, args...))
}

// verdicts are the names of the outcomes of a frame, in comments and filters.
var verdicts = [...]string{packet.Tx: "tx", packet.Drop: "drop", packet.Host: "host", packet.Moved: "hold"}

// filter converts the options to the filter of the workers.
func (o *Options) filter() (f dataplane.TapFilter, err error) {
	if o.Client != "" {
		if f.Client, err = parsePrefix(o.Client); err != nil {
			return f, usagef("client %q: %w", o.Client, err)
		}
	}
	if o.Service != "" {
		k, err := service.ParseKey(o.Service)
		if err != nil {
			return f, usagef("%w", err)
		}
		f.Service = &k
	}
	if o.Server != "" {
		if f.Server, f.ServerPort, err = parseServer(o.Server); err != nil {
			return f, usagef("server %q: %w", o.Server, err)
		}
	}
	for _, name := range o.Verdicts {
		if err := addVerdict(&f, name); err != nil {
			return f, usagef("verdict %q: %w", name, err)
		}
	}
	return f, nil
}

// addVerdict adds a verdict or a reason to those that the filter accepts.
func addVerdict(f *dataplane.TapFilter, name string) error {
	for v, n := range verdicts {
		if n != "" && n == name {
			f.Verdicts[v] = true
			return nil
		}
	}
	for r := packet.None + 1; r < packet.Reasons; r++ {
		if r.String() == name {
			f.Reasons[r] = true
			return nil
		}
	}
	return errors.New("want tx, drop, host, hold or a reason of docs/drops.md")
}

// parsePrefix parses an address or a prefix.
func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := parseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}, errors.New("want an IPv4 address or prefix, such as 198.51.100.0/24")
	}
	return p.Masked(), nil
}

func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return netip.Addr{}, errors.New("want an IPv4 address")
	}
	return a, nil
}

// parseServer parses ADDR or ADDR:PORT.
func parseServer(s string) (packet.Addr, uint16, error) {
	if !strings.Contains(s, ":") {
		a, err := parseAddr(s)
		return packet.AddrFrom(a), 0, err
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil || !a.Addr().Is4() {
		return packet.Addr{}, 0, errors.New("want an IPv4 address, with a port or without")
	}
	return packet.AddrFrom(a.Addr()), a.Port(), nil
}
