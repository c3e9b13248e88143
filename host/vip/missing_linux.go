package vip

import (
	"net/netip"
	"slices"

	"github.com/rs/zerolog"
)

// Missing returns the VIPs that are on no link: those that somebody has removed, and those
// that could not be added. They are sorted. It takes no lock and may be called by any
// goroutine.
func (h *Holder) Missing() []netip.Addr {
	if all := h.missing.Load(); all != nil {
		return *all
	}
	return nil
}

// publish updates the result of Missing. The caller holds the lock.
func (h *Holder) publish() {
	all := slices.Clone(h.unheld)
	for ip := range h.gone {
		all = append(all, ip)
	}
	for p, l := range h.losses {
		if l.missing && p.IsSingleIP() {
			all = append(all, p.Addr())
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	h.missing.Store(&all)
}

// noteUnheld notes which of the wanted addresses are neither ours nor somebody else's.
func (h *Holder) noteUnheld(wanted []netip.Addr) {
	have := make(map[netip.Addr]bool, len(h.held))
	for _, v := range h.held {
		have[v.ip] = true
	}
	h.unheld = slices.DeleteFunc(slices.Clone(wanted), func(a netip.Addr) bool { return have[a] || h.alone[single(a)] })
	h.publish()
}

// checkAlone tells which VIPs of others have been removed, and which are back. The director
// does not add them: whoever added them may have moved them to another host.
func (h *Holder) checkAlone(on map[netip.Addr][]int) {
	var gone, back []netip.Addr
	for p := range h.alone {
		ip := p.Addr()
		if !p.IsSingleIP() {
			continue
		}
		switch is := len(on[ip]) == 0; {
		case is && !h.gone[ip]:
			h.gone[ip] = true
			gone = append(gone, ip)
		case !is && h.gone[ip]:
			delete(h.gone, ip)
			back = append(back, ip)
		}
	}
	if len(gone) > 0 {
		h.awaited.Store(true) // before anybody can learn of it and add the address again
	}
	tell(h.log.Warn, gone, "a VIP that the director has not added was removed: hosts do not find it here any more, and the director does not add it")
	tell(h.log.Info, back, "a VIP that was removed is there again")
}

// tell logs a text about addresses: one by one, or how many there are.
func tell(line func() *zerolog.Event, all []netip.Addr, text string) {
	if len(all) > loggedAlone {
		line().Int("vips", len(all)).Msg(text)
		return
	}
	slices.SortFunc(all, netip.Addr.Compare)
	for _, ip := range all {
		line().Stringer("vip", ip).Msg(text)
	}
}
