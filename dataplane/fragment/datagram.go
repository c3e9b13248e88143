package fragment

import (
	"encoding/binary"

	"director/packet"
)

// Datagram holds a reassembled datagram and the frames of its fragments, in its own
// memory. It belongs to one worker, which uses it again for each datagram. The
// content is valid until the next Add that completes a datagram.
type Datagram struct {
	// Frame is the whole datagram after packet.Headroom bytes, ready for
	// packet.Parse. It has the Ethernet and the IP header of the first fragment, with
	// the total length of the datagram, and without MF and offset.
	//
	// DF is set if the largest fragment had it. The ECN field is combined from those
	// of the fragments as RFC 3168 §5.3 says (ip_frag_reasm and ip_frag_ecn_table in
	// the kernel's net/ipv4).
	Frame packet.Frame
	// Largest is the length in bytes of the longest fragment, IP header included.
	// Packets of this length reached the director without further fragmentation.
	Largest uint16

	frames  [MaxFragments]original
	count   int
	storage []byte // the frames, one after another
}

// original is the position of a frame in the storage.
type original struct {
	start, end int
	iface      uint8
}

// NewDatagram returns a Datagram with room for any datagram.
func NewDatagram() *Datagram {
	return &Datagram{
		Frame:   packet.Frame{Buf: make([]byte, packet.Headroom+packet.EthLen+maxLen)},
		storage: make([]byte, MaxFragments*packet.MaxFrame),
	}
}

// Count returns the number of frames in which the datagram arrived.
func (d *Datagram) Count() int { return d.count }

// Original returns the frame that arrived as number i, counted from 0, and its
// ingress interface. The frame is unchanged. Precondition: i < d.Count().
func (d *Datagram) Original(i int) (frame []byte, iface uint8) {
	o := &d.frames[i]
	return d.storage[o.start:o.end:o.end], o.iface
}

// fill copies datagram id of shard s into d. The datagram must be complete and in no
// list.
func (d *Datagram) fill(s *shard, id int32) {
	w := &s.waiting[id]
	d.count, d.Largest = int(w.count), w.largest
	start := 0
	i := id
	for n := range d.count {
		p := &s.stored[i]
		o := original{start: start, end: start + int(p.frame), iface: p.iface}
		d.frames[n] = o
		s.cells.get(i, d.storage[o.start:o.end])
		d.place(d.storage[o.start:o.end], &p.piece, int(w.headerLen))
		start, i = o.end, p.next
	}
	d.finish(w)
}

// place copies the data of a fragment to its offset. Of the first fragment, it also
// copies the headers.
func (d *Datagram) place(frame []byte, p *piece, headerLen int) {
	b := d.Frame.Buf[packet.Headroom:]
	if p.offset == 0 {
		copy(b, frame[:p.at])
	}
	copy(b[packet.EthLen+headerLen+int(p.offset):], frame[p.at:int32(p.at)+p.length])
}

// finish turns the header of the first fragment into that of the datagram.
func (d *Datagram) finish(w *waiting) {
	f := &d.Frame
	*f = packet.Frame{Buf: f.Buf, Off: packet.Headroom, Len: packet.EthLen + w.headerLen + w.end}
	ip := packet.IPv4(f.Bytes()[packet.EthLen:])
	ecn, _ := combineECN(w.ecn)
	ip[ipTOS] |= ecn
	binary.BigEndian.PutUint16(ip[ipTotalLen:], uint16(w.headerLen+w.end))
	flags := uint16(0)
	if w.largestDF == w.largest {
		flags = packet.IPv4DF
	}
	binary.BigEndian.PutUint16(ip[ipFlagsOffset:], flags)
	sumHeader(ip[:w.headerLen])
}

// sumHeader writes the checksum of an IPv4 header.
func sumHeader(ip packet.IPv4) {
	ip.SetChecksum(0)
	ip.SetChecksum(^packet.Sum(ip, 0))
}

// The ECN field of the type of service and two of its values (RFC 3168 §5).
const (
	ecnMask   = 3
	ecnNotECT = 0
	ecnCE     = 3
)

// combineECN returns the bits to add to the ECN field of the first fragment. seen is
// the set of the ECN fields of all fragments, with a bit for each value. If one
// fragment has met congestion, the datagram has. ok is false if some fragments are
// marked as not ECN-capable and others are not, because a sender must not mix them.
func combineECN(seen uint8) (add uint8, ok bool) {
	others := seen &^ (1<<ecnNotECT | 1<<ecnCE)
	switch {
	case seen&(1<<ecnNotECT) != 0:
		return 0, seen == 1<<ecnNotECT
	case seen&(1<<ecnCE) != 0 && others != 0:
		return ecnCE, true
	}
	return 0, true
}
