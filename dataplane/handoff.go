package dataplane

import (
	"sync/atomic"

	"director/packet"
)

// handoffSlots is the capacity of a ring in frames, a power of two: four
// batches, so that a burst passes while the owner is busy with its own.
const handoffSlots = 256

// handoff carries copies of frames from a worker that has no queue on an
// interface to the worker that sends there. One goroutine pushes, one takes.
type handoff struct {
	owner *Worker

	head    atomic.Uint32 // next slot to take, written by the owner
	_       [60]byte      // keeps the words of the two sides on different cache lines
	tail    atomic.Uint32 // next slot to fill, as published to the owner
	pending uint32        // next slot to fill, known to the pusher only
	_       [56]byte

	slots [handoffSlots]struct {
		length uint16
		data   [packet.MaxFrame]byte
	}
}

// push copies a frame into the ring and reports whether there was room. The
// owner sees it after publish.
func (h *handoff) push(frame []byte) bool {
	if h.pending-h.head.Load() == handoffSlots || len(frame) > packet.MaxFrame {
		return false
	}
	s := &h.slots[h.pending%handoffSlots]
	s.length = uint16(copy(s.data[:], frame))
	h.pending++
	return true
}

// publish makes the pushed frames visible to the owner, and wakes it if it sleeps.
func (h *handoff) publish() {
	if h.pending == h.tail.Load() {
		return
	}
	h.tail.Store(h.pending)
	if h.owner.sleeping.Load() {
		h.owner.waiter.Wake()
	}
}

// empty reports whether the ring contains no frame for the owner.
func (h *handoff) empty() bool { return h.head.Load() == h.tail.Load() }
