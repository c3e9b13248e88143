package dataplane

import "director/packet"

// track handles plain packets of established connections completely (hit.go). For the
// others it finds the connection and runs its state machine. in is the ingress
// interface of the frames.
func (b *batch) track(rx *packet.Batch, in uint8) {
	b.missed, b.rest, b.stay = false, false, 0
	frames := rx.Frames[:rx.N]
	for i := range frames {
		f, j := &frames[i], &b.jobs[i]
		if f.Verdict != packet.Pending {
			continue
		}
		done := false
		if f.Plain && j.out {
			done = b.hitOut(f, b.hints[i])
		} else if f.Plain {
			done = b.hitIn(f, b.hints[i])
		}
		if !done {
			b.rest = true
			b.missed = !b.tracker.track(f, j) || b.missed
		} else if f.Out == in {
			b.stay++
		}
	}
}
