package afpacket

import (
	"golang.org/x/sys/unix"

	"director/packet"
)

// fullRetries is the maximum number of retries of a batch when the queue of the
// device is full. A NIC that sends at line rate frees a descriptor within
// microseconds, which is about the time of one retry. If it does not, the NIC is
// overloaded. Waiting longer would only make the director drop received frames
// instead.
const fullRetries = 16

// transmitter sends a batch of frames with one sendmmsg, without copying them. A
// transmit ring would not be faster, because the kernel builds the same socket
// buffers, and every frame would have to be copied into the ring.
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

// gather adds a frame to those that send will transmit. Precondition: fewer than
// packet.BatchSize frames are gathered.
func (t *transmitter) gather(frame []byte) {
	t.parts[t.n].Base = &frame[0]
	t.parts[t.n].SetLen(len(frame))
	t.n++
}

// send transmits the gathered frames in order. It counts the frames that could not be
// sent by reason and returns no error.
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
		at++ // the error concerns the first frame that was not sent
	}
	t.n = 0
	if sent > 0 {
		t.stats.tx.add(uint64(sent))
	}
}
