package fragment

import "director/packet"

// Offsets within an IPv4 header of fields that this package accesses directly.
const (
	ipTOS         = 1
	ipTotalLen    = 2
	ipID          = 4
	ipFlagsOffset = 6
)

const (
	// maxLen is the longest IPv4 packet, header included (RFC 791 §3.1).
	maxLen = 65535
	// unit is the unit of fragment offsets in bytes.
	unit = 8
)

// piece is one fragment: the fields of its header and the position of its data.
type piece struct {
	offset int32  // of the data in the datagram
	length int32  // of the data
	at     uint16 // offset of the data in the frame
	ipLen  uint16
	frame  uint16 // length of the frame
	last   bool   // whether it is the last fragment of its datagram
	df     bool
	tos    uint8
	iface  uint8 // ingress interface
}

// pieceOf reads the header of a fragment and reports whether it is valid by itself.
func pieceOf(f *packet.Frame) (p piece, sound bool) {
	ip := f.IP()
	flags, headerLen := ip.FlagsOffset(), ip.HeaderLen()
	p = piece{
		offset: int32(flags&packet.IPv4OffsetMask) * unit,
		length: int32(len(ip) - headerLen),
		at:     f.L3 + uint16(headerLen),
		ipLen:  f.IPLen,
		frame:  uint16(f.Len),
		last:   flags&packet.IPv4MF == 0,
		df:     ip.DF(),
		tos:    ip.TOS(),
	}
	sound = f.Len <= packet.MaxFrame && p.length > 0 &&
		(p.last || p.length%unit == 0) &&
		p.end()+packet.IPv4Len <= maxLen
	return p, sound
}

func (p *piece) end() int32 { return p.offset + p.length }

// overlaps reports whether p and q have a byte of the datagram in common.
func (p *piece) overlaps(q *piece) bool { return p.offset < q.end() && q.offset < p.end() }

// sameRange reports whether p and q cover the same part of the datagram.
func (p *piece) sameRange(q *piece) bool {
	return p.offset == q.offset && p.length == q.length && p.last == q.last
}
