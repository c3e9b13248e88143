package rtnl

import (
	"github.com/vishvananda/netlink"

	"director/packet"
)

// wantLimit is how many different neighbours are asked for per tick: the
// kernel's own table holds 1024 by default (gc_thresh3), and who floods it with
// unanswered addresses hurts the whole host.
const wantLimit = 256

// want is a worker's request to resolve a neighbour.
type want struct {
	addr  packet.Addr
	iface uint8
}

// Want asks the kernel to resolve a neighbour behind an interface, after a worker met
// a hop whose Reason is packet.Neighbor. It never blocks. If there are too many requests,
// some are lost, and the next frame repeats them.
func (w *Watch) Want(a packet.Addr, iface uint8) {
	select {
	case w.wants <- want{a, iface}:
	default:
	}
}

// want serves a request, at most once per tick for each neighbour.
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
	w.probe(at)
}

// refresh has the kernel confirm the neighbours that went stale although they
// are in use: it does not see our traffic.
func (w *Watch) refresh() {
	for at, e := range w.entries {
		if e.state&netlink.NUD_STALE != 0 && e.used.Take() {
			w.probe(at)
		}
	}
}

// probe has the kernel resolve or confirm a neighbour, unless it is fixed or
// managed: the request would take either property away.
func (w *Watch) probe(at station) {
	if e := w.entries[at]; e != nil && (e.managed || e.state&fixed != 0) {
		return
	}
	if _, ours := w.managed[at]; ours {
		return
	}
	if err := w.use(at); err != nil {
		w.log.Debug().Err(err).Stringer("neighbour", at.ip).Msg("not resolved")
	}
}

// use tells the kernel that a neighbour is in use, as sending to it would.
func (w *Watch) use(at station) error {
	return w.request.NeighSet(&netlink.Neigh{LinkIndex: at.link, IP: at.ip.AsSlice(), Flags: netlink.NTF_USE})
}
