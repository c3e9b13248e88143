package dataplane

import "director/packet"

const (
	// maxHeld is how many frames a worker keeps for neighbours whose Ethernet
	// address is not known yet.
	maxHeld = 64
	// holdTime is how long it keeps each, in nanoseconds.
	holdTime = 1_000_000_000
)

// hold is where frames wait for their neighbour's address: rewritten but for
// the Ethernet header.
type hold struct {
	frames [maxHeld]heldFrame
	n      int
	view   *View // with which the frames were last tried
}

type heldFrame struct {
	data     [packet.MaxFrame]byte
	length   int
	via      packet.Addr
	iface    uint8
	deadline int64
	tap      *tapper       // of the capture that waits for what becomes of it, or nil
	cause    *packet.Frame // of the batch in hand that led to it, or nil
}

// keep copies f into the hold and asks for the Ethernet address of via, its
// next hop on the interface.
func (w *Worker) keep(f *packet.Frame, iface uint8, via packet.Addr) {
	if !w.hold(f.Bytes(), iface, via, w.tapsFrame(f)) {
		w.drop(f, packet.Neighbor)
		return
	}
	f.Verdict, f.Reason = packet.Moved, packet.Neighbor
}

// hold copies a frame into the hold, if there is room. cause is what led to it, if
// the capture wants to know, or nil.
func (w *Worker) hold(data []byte, iface uint8, via packet.Addr, cause *packet.Frame) bool {
	if w.held.n == maxHeld || len(data) > packet.MaxFrame {
		return false
	}
	h := &w.held.frames[w.held.n]
	w.held.n++
	h.length = copy(h.data[:], data)
	h.via, h.iface, h.deadline = via, iface, w.now+holdTime
	h.tap, h.cause = nil, cause
	if cause != nil {
		h.tap = w.tap
	}
	w.shared.resolver.Want(via, iface)
	return true
}

// retryHeld sends the frames whose next hop has become known and drops those
// that waited too long. Frames for one neighbour keep their order.
func (w *Worker) retryHeld() {
	if w.held.n == 0 {
		return
	}
	changed := w.held.view != w.view
	w.held.view = w.view
	kept := 0
	for i := range w.held.n {
		h := &w.held.frames[i]
		if changed {
			if hop := w.view.Hops.Route(h.via); hop.Reason == packet.None && hop.Interface == h.iface {
				packet.Eth(h.data[:]).SetAddrs(&hop.Dst, &hop.Src)
				h.tell(w.tap, w.cross(h.data[:h.length], h.iface))
				continue
			}
		}
		if w.now >= h.deadline {
			w.add(dropCount+int(packet.Neighbor), 1)
			h.tell(w.tap, packet.Neighbor)
			continue
		}
		if kept != i {
			w.held.frames[kept] = *h
		}
		kept++
	}
	w.held.n = kept
}

// tell records a frame that waits no longer, if it was sent or why not, in the
// capture that saw it come in.
func (h *heldFrame) tell(t *tapper, reason packet.Reason) {
	if t != nil && t == h.tap {
		t.own(h.data[:h.length], TapWaited, h.iface, reason)
	}
}
