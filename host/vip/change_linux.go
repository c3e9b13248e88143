package vip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"director/internal/ifaddr"
)

// remove removes those of our addresses from the host that are not wanted.
func (h *Holder) remove(wanted map[netip.Prefix]bool) error {
	var unwanted []ifaddr.Address
	for _, v := range h.held {
		if !wanted[single(v.ip)] {
			unwanted = append(unwanted, v.addr())
		}
	}
	if len(unwanted) == 0 {
		return nil
	}
	var errs []error
	stays := map[netip.Prefix]bool{}
	err := h.addrs.Delete(unwanted, func(i int, err error) {
		// The address or its interface may be gone already, which is fine.
		if !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, fmt.Errorf("remove VIP %s: %w", unwanted[i].Prefix.Addr(), err))
			stays[unwanted[i].Prefix] = true
		}
	})
	if err != nil {
		return fmt.Errorf("remove VIPs: %w", err)
	}
	h.held = slices.DeleteFunc(h.held, func(v held) bool { return !wanted[single(v.ip)] && !stays[single(v.ip)] })
	h.say("VIP removed", "VIPs removed", "", unwanted)
	return errors.Join(errs...)
}

// loggedAlone is the number of addresses up to which a change of several of them has a
// line in the log for each.
const loggedAlone = 20

// say logs what was done with addresses: one by one, or how many there are.
func (h *Holder) say(one, many, link string, all []ifaddr.Address) {
	line := func() *zerolog.Event {
		e := h.log.Info()
		if link != "" {
			e = e.Str("interface", link)
		}
		return e
	}
	if len(all) > loggedAlone {
		line().Int("vips", len(all)).Msg(many)
		return
	}
	for _, a := range all {
		line().Stringer("vip", a.Prefix.Addr()).Msg(one)
	}
}

// addNew adds the addresses and routes that are not held yet.
func (h *Holder) addNew(vips []netip.Addr, prefixes []netip.Prefix) error {
	have := make(map[netip.Addr]bool, len(h.held))
	for _, v := range h.held {
		have[v.ip] = true
	}
	vips = slices.DeleteFunc(slices.Clone(vips), func(a netip.Addr) bool { return h.alone[single(a)] || have[a] })
	prefixes = slices.DeleteFunc(slices.Clone(prefixes), func(p netip.Prefix) bool {
		return h.alone[p] || slices.Contains(h.routes, p)
	})
	if len(vips) == 0 && len(prefixes) == 0 {
		return nil
	}
	host, err := h.look(len(prefixes) > 0)
	if err != nil {
		return fmt.Errorf("look for a place for the VIPs: %w", err)
	}
	var errs []error // an address that cannot be held must not prevent the others
	fresh := make([]held, 0, len(vips))
	for _, ip := range vips {
		v := held{ip: ip, unsaid: announcements}
		if a, ok := host.holds[ip]; ok {
			if !leftover(a) {
				h.log.Info().Stringer("vip", ip).Str("interface", host.links[a.Link]).Msg("VIP already exists and is not changed")
				h.alone[single(ip)] = true
				continue
			}
			v.link = a.Link
		} else if v.link, err = host.place(ip, h.config.On[ip], h.config.First); err != nil {
			errs = append(errs, err)
			continue
		}
		fresh = append(fresh, v)
	}
	added := map[int][]ifaddr.Address{} // by link
	for i, err := range h.put(fresh) {
		if v := fresh[i]; err != nil {
			errs = append(errs, err)
		} else {
			h.held = append(h.held, v)
			added[v.link] = append(added[v.link], v.addr())
		}
	}
	for link, all := range added {
		h.say("VIP added", "VIPs added", host.links[link], all)
	}
	select {
	case h.added <- struct{}{}:
	default:
	}
	return errors.Join(append(errs, h.addRoutes(prefixes, host))...)
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// put adds addresses or restarts their lifetime. It returns an error or nil for each.
func (h *Holder) put(all []held) []error {
	errs := make([]error, len(all))
	addrs := make([]ifaddr.Address, len(all))
	for i, v := range all {
		addrs[i] = v.addr()
	}
	put := func(i int, err error) { errs[i] = fmt.Errorf("add VIP %s: %w", all[i].ip, err) }
	if err := h.addrs.Replace(addrs, put); err != nil {
		for i := range errs {
			put(i, err)
		}
	}
	return errs
}

func (v held) addr() ifaddr.Address {
	return ifaddr.Address{Link: v.link, Prefix: single(v.ip), Valid: lifetime}
}

// leftover reports whether a was added by a director that was killed less than a minute
// ago. If it were taken for a foreign address, the VIP would vanish when its lifetime
// ends.
func leftover(a ifaddr.Address) bool { return a.Prefix.IsSingleIP() && a.Valid <= lifetime }

// toPrefix converts a prefix of netlink. It turns nil, the destination of a default
// route, into 0.0.0.0/0.
func toPrefix(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	ip, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(ip.Unmap(), bits)
}
