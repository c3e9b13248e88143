package dataplane

import "director/packet"

const (
	// maxPending is the maximum number of frames of a worker that wait for neighbours
	// whose Ethernet address is not known yet.
	maxPending = 64
	// pendingTime is the time in nanoseconds after which such a frame is dropped.
	pendingTime = 1_000_000_000
)

// pending holds the frames that wait for their neighbour's Ethernet address. They are
// rewritten except for the Ethernet header.
type pending struct {
	frames [maxPending]pendingFrame
	n      int
	view   *View // the view with which the frames were tried last
}

type pendingFrame struct {
	data     [packet.MaxFrame]byte
	length   int
	via      packet.Addr
	iface    uint8
	deadline int64
	tap      *tapper       // of the capture that records the frame, or nil
	cause    *packet.Frame // the frame of the current batch that caused it, or nil
}

// wait makes f wait for the Ethernet address of via, its next hop on the interface,
// or drops it if there is no room.
func (o *output) wait(f *packet.Frame, iface uint8, via packet.Addr) {
	if !o.keep(f.Bytes(), iface, via, o.tapsFrame(f)) {
		o.drop(f, packet.Neighbor)
		return
	}
	f.Verdict, f.Reason = packet.Moved, packet.Neighbor
}

// keep copies a frame that waits for the Ethernet address of via and requests that
// address. It returns false if there is no room. cause is the frame that caused it,
// if a capture records that frame, or nil.
func (o *output) keep(data []byte, iface uint8, via packet.Addr, cause *packet.Frame) bool {
	p := &o.pending
	if p.n == maxPending || len(data) > packet.MaxFrame {
		return false
	}
	f := &p.frames[p.n]
	p.n++
	f.length = copy(f.data[:], data)
	f.via, f.iface, f.deadline = via, iface, o.now+pendingTime
	f.tap, f.cause = nil, cause
	if cause != nil {
		f.tap = o.tap
	}
	o.engine.resolver.Want(via, iface)
	return true
}

// retryPending sends the frames whose next hop has become known and drops those
// that waited too long. Frames for one neighbour keep their order.
func (o *output) retryPending() {
	p := &o.pending
	if p.n == 0 {
		return
	}
	changed := p.view != o.view
	p.view = o.view
	kept := 0
	for i := range p.n {
		f := &p.frames[i]
		if changed {
			if hop := o.view.Hops.Route(f.via); hop.Reason == packet.None && hop.Interface == f.iface {
				packet.Eth(f.data[:]).SetAddrs(&hop.Dst, &hop.Src)
				f.record(o.tap, o.cross(f.data[:f.length], f.iface))
				continue
			}
		}
		if o.now >= f.deadline {
			o.add(dropCount+int(packet.Neighbor), 1)
			f.record(o.tap, packet.Neighbor)
			continue
		}
		if kept != i {
			p.frames[kept] = *f
		}
		kept++
	}
	p.n = kept
}

// record records a frame that no longer waits in the capture that recorded its
// arrival. reason is the reason for which it was dropped, or packet.None if it was
// sent.
func (f *pendingFrame) record(t *tapper, reason packet.Reason) {
	if t != nil && t == f.tap {
		t.own(f.data[:f.length], TapWaited, f.iface, reason)
	}
}
