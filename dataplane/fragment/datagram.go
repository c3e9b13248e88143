package fragment

import (
	"encoding/binary"

	"director/packet"
)

// Datagram is a reassembled datagram and the frames it came in. It has memory
// of its own for both, belongs to one worker and is filled again and again;
// what it holds is valid until the next Add that completes a datagram into it.
type Datagram struct {
	// Frame is the whole datagram behind packet.Headroom bytes, ready for
	// packet.Parse: the Ethernet and the IP header of its first fragment, with
	// the total length set and no sign of fragments left.
	//
	// DF is set if the largest fragment had it, and ECN is what RFC 3168 §5.3
	// makes of the fragments' marks (ip_frag_reasm and ip_frag_ecn_table in
	// the kernel's net/ipv4).
	Frame packet.Frame
	// Largest is the length in bytes of the longest IP packet among the
	// fragments: what they got through without being cut further.
	Largest uint16

	frames  [MaxFragments]original
	count   int
	storage []byte // the frames, one after the other
}

// original is where in the storage a frame lies.
type original struct {
	start, end int
	iface      uint8
}

// NewDatagram makes a Datagram with room for any datagram.
func NewDatagram() *Datagram {
	return &Datagram{
		Frame:   packet.Frame{Buf: make([]byte, packet.Headroom+packet.EthLen+maxLen)},
		storage: make([]byte, MaxFragments*packet.MaxFrame),
	}
}

// Count returns how many frames the datagram came in.
func (d *Datagram) Count() int { return d.count }

// Original returns the frame that came as number i, counted from 0, byte for
// byte, and the interface by which it came in. Precondition: i < d.Count().
func (d *Datagram) Original(i int) (frame []byte, iface uint8) {
	o := &d.frames[i]
	return d.storage[o.start:o.end:o.end], o.iface
}

// fill copies the datagram id of s, which is whole and in no list.
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

// place copies the data of a fragment to where it belongs, and the headers of
// the first.
func (d *Datagram) place(frame []byte, p *piece, headerLen int) {
	b := d.Frame.Buf[packet.Headroom:]
	if p.offset == 0 {
		copy(b, frame[:p.at])
	}
	copy(b[packet.EthLen+headerLen+int(p.offset):], frame[p.at:int32(p.at)+p.length])
}

// finish makes the first fragment's header the datagram's.
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

// combineECN returns what is to be added to the first fragment's ECN field,
// from the set of the fields of all: a bit for each value. Congestion that one
// of them met was met by the datagram; a sender that both understands ECN and
// does not has made a mistake.
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
