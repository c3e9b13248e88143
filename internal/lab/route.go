//go:build linux

package lab

import (
	"errors"
	"net/netip"
	"os"

	"director/service"
)

// tunnelMSS is the largest segment size that a server behind a tunnel announces: the MTU of
// 1500, minus 20 bytes of outer header, minus 40 bytes of IPv4 and TCP. Without it the
// director would have to fragment, or to tell the client a smaller MTU.
const tunnelMSS = 1440

var anywhere = netip.MustParsePrefix("0.0.0.0/0")

// route sets the routes and the sysctls of every host, and the virtual address of the
// servers if the method needs it there.
func (l *Lab) route() error {
	if err := l.routeDirector(); err != nil {
		return err
	}
	for _, h := range l.Clients {
		err := errors.Join(
			h.addRoute("eth0", anywhere, l.Front, 0),
			// Load tests need more connections at a time than the default range allows.
			h.Sysctl("net.ipv4.ip_local_port_range", "1024 65535"),
		)
		if err != nil {
			return err
		}
	}
	for _, h := range l.Servers {
		if err := l.routeServer(h); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) routeDirector() error {
	// This is first because it resets the settings of every interface
	// (inet_forward_change in net/ipv4/devinet.c).
	if err := l.Director.Sysctl("net.ipv4.ip_forward", "1"); err != nil {
		return err
	}
	if err := l.Director.quiet(); err != nil {
		return err
	}
	if l.StrictRPFilter {
		return l.Director.conf("rp_filter", "1")
	}
	return nil
}

func (l *Lab) routeServer(h *Host) error {
	mss := 0
	if l.Method == service.TUN {
		mss = tunnelMSS
	}
	if err := h.addRoute("eth0", anywhere, l.Back, mss); err != nil {
		return err
	}
	if !l.direct() {
		return nil
	}
	for i, c := range l.Clients {
		var gw netip.Addr // with one arm the client is on the link
		if l.secondLeg() {
			gw = clientBack(i).Addr()
		}
		for _, a := range c.Sources {
			if err := h.addRoute("eth0", netip.PrefixFrom(a, 32), gw, mss); err != nil {
				return err
			}
		}
	}
	if l.Method == service.TUN {
		decap, err := h.decapsulate("eth0")
		if err != nil {
			return err
		}
		l.attached = append(l.attached, decap)
	}
	// This is done before the server has the address: it must neither answer ARP
	// requests for it nor send requests with it.
	return errors.Join(
		h.conf("arp_ignore", "1"),
		h.conf("arp_announce", "2"),
		h.AddAddr("lo", netip.PrefixFrom(l.VIP, 32)),
	)
}

// quiet sets sysctls that a new namespace may inherit from the machine. Answers may arrive
// on another leg than the one that leads to their source, so rp_filter is off. With one arm
// all traffic enters and leaves by the same interface, so redirects are off. IPv6 is off, so
// that hosts send nothing by themselves.
func (h *Host) quiet() error {
	err := errors.Join(
		h.conf("rp_filter", "0"),
		h.conf("send_redirects", "0"),
		h.conf("accept_redirects", "0"),
	)
	for _, scope := range []string{"all", "default"} {
		v6 := h.Sysctl("net.ipv6.conf."+scope+".disable_ipv6", "1")
		if !errors.Is(v6, os.ErrNotExist) { // the kernel has no IPv6
			err = errors.Join(err, v6)
		}
	}
	return err
}

// conf sets an IPv4 setting for existing and for future interfaces.
func (h *Host) conf(name, value string) error {
	return errors.Join(
		h.Sysctl("net.ipv4.conf.all."+name, value),
		h.Sysctl("net.ipv4.conf.default."+name, value),
	)
}
