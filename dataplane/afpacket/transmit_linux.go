package afpacket

import (
	"golang.org/x/sys/unix"

	"director/packet"
)

// fullRetries bounds how often one batch tries again because the device's
// queue is full. A NIC that sends at line rate frees a descriptor within
// microseconds, about what a try costs; one that does not is overloaded, and
// waiting for it would only drop frames at the receiving end instead.
const fullRetries = 16

// transmitter sends frames from where they lie with one sendmmsg per batch.
// A transmit ring is no faster (the kernel builds the same socket buffers) and
// would need every frame copied into it first.
type transmitter struct {
	fd    int
	n     int // frames gathered
	msgs  [packet.BatchSize]unix.Mmsghdr
	parts [packet.BatchSize]unix.Iovec
	stats *counters
}

func newTransmitter(fd int, stats *counters) *transmitter {
	t := &transmitter{fd: fd, stats: stats}
	for i := range t.msgs {
		t.msgs[i].Hdr.Iov = &t.parts[i]
		t.msgs[i].Hdr.SetIovlen(1)
	}
	return t
}

// gather adds a frame to what send will transmit. Precondition: at most
// packet.BatchSize of them.
func (t *transmitter) gather(frame []byte) {
	t.parts[t.n].Base = &frame[0]
	t.parts[t.n].SetLen(len(frame))
	t.n++
}

// send transmits what was gathered, in order, and counts what could not be
// sent and why. Nothing that happens to a link is an error.
func (t *transmitter) send() {
	tries := 0
	sent := 0
	for at := 0; at < t.n; {
		n, errno := sendmmsg(t.fd, t.msgs[at:t.n])
		switch errno {
		case 0:
			at += n
			sent += n
			continue
		case unix.ENOBUFS, unix.EAGAIN:
			if tries++; tries <= fullRetries {
				continue
			}
			t.stats.txFull.add(1)
		case unix.ENETDOWN, unix.ENXIO, unix.ENODEV:
			t.stats.txDown.add(uint64(t.n - at))
			at = t.n
			continue
		case unix.EMSGSIZE:
			t.stats.txOversize.add(1)
		default:
			t.stats.txErrors.add(1)
		}
		at++ // the frame that the error is about is the first not sent
	}
	t.n = 0
	if sent > 0 {
		t.stats.tx.add(uint64(sent))
	}
}
