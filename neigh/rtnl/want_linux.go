package rtnl

import (
	"github.com/vishvananda/netlink"

	"director/packet"
)

// wantLimit is the largest number of different neighbours that are requested per tick. The
// kernel's table holds 1024 entries by default (gc_thresh3). If unanswered requests
// fill it, the whole host can no longer resolve neighbours.
const wantLimit = 256

// want is a worker's request to resolve a neighbour.
type want struct {
	addr    packet.Addr
	iface   uint8
	confirm bool // of a next hop whose MAC is known
}

// Want asks the kernel to resolve a neighbour behind an interface. A worker calls it for
// a hop whose Reason is packet.Neighbor. It never blocks. If there are too many requests,
// some are lost; the next frame to that neighbour repeats the request.
func (w *Watch) Want(a packet.Addr, iface uint8) {
	select {
	case w.wants <- want{a, iface, false}:
	default:
	}
}

// Confirm asks the kernel to confirm the MAC of a next hop behind an interface now. By
// itself the kernel notices after up to a minute that a neighbour is gone. The control
// plane calls Confirm for a real server that seems not to answer. It never blocks; if
// there are too many requests, some are lost.
func (w *Watch) Confirm(a packet.Addr, iface uint8) {
	select {
	case w.wants <- want{a, iface, true}:
	default:
	}
}

// want handles a request, at most once per tick for each neighbour.
func (w *Watch) want(v want) {
	if int(v.iface) >= len(w.ifaces) {
		return
	}
	at := station{w.ifaces[v.iface].index, v.addr.Netip()}
	if _, again := w.recent[at]; again || len(w.recent) >= wantLimit {
		return
	}
	w.recent[at] = struct{}{}
	if _, static := w.static[at]; static || !at.ip.IsValid() {
		return
	}
	if v.confirm {
		w.confirm(at)
		return
	}
	w.probe(at)
}

// confirm makes the kernel send requests to a managed neighbour that it believes to be
// there.
func (w *Watch) confirm(at station) {
	const believed = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY
	whose, managed := w.managed[at]
	e := w.entries[at]
	if !managed || whose == foreign || e == nil || !e.usable() || e.state&believed == 0 {
		return
	}
	// The kernel ignores a new state in a request with NTF_EXT_MANAGED, and a request without
	// it ends the management (__neigh_update in net/core/neighbour.c). So two are needed.
	err := w.request.NeighSet(&netlink.Neigh{LinkIndex: at.link, IP: at.ip.AsSlice(), HardwareAddr: e.mac[:], State: netlink.NUD_PROBE})
	if err == nil {
		_, err = w.manageEntry(at, false)
	}
	if err != nil {
		w.log.Debug().Err(err).Stringer("neighbour", at.ip).Msg("cannot ask the kernel to confirm a neighbour")
	}
}

// refresh makes the kernel confirm the neighbours that are stale but in use. The kernel
// does not see our traffic, so it does not confirm them by itself.
func (w *Watch) refresh() {
	for at, e := range w.entries {
		if e.state&netlink.NUD_STALE != 0 && e.used.Take() {
			w.probe(at)
		}
	}
}

// probe makes the kernel resolve or confirm a neighbour. It skips entries that are fixed
// or managed, because the request would remove that property.
func (w *Watch) probe(at station) {
	if e := w.entries[at]; e != nil && (e.managed || e.state&fixed != 0) {
		return
	}
	if _, ours := w.managed[at]; ours {
		return
	}
	if err := w.use(at); err != nil {
		w.log.Debug().Err(err).Stringer("neighbour", at.ip).Msg("cannot ask the kernel to resolve a neighbour")
	}
}

// use makes the kernel treat a neighbour as used, as if the host had sent a packet to it.
func (w *Watch) use(at station) error {
	return w.request.NeighSet(&netlink.Neigh{LinkIndex: at.link, IP: at.ip.AsSlice(), Flags: netlink.NTF_USE})
}
