package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// description is a pcapng interface description: what it says about the frames.
type description struct {
	name   string
	link   uint32
	second uint64 // units of time in a second
	offset int64  // seconds to add
}

// errDamaged reports a block whose lengths contradict each other.
var errDamaged = errors.New("the capture is damaged: a block is shorter than its contents")

// nextBlock returns the next frame of a pcapng capture. It skips all blocks that are
// not needed to read the frames.
func (r *Reader) nextBlock() (Frame, error) {
	for {
		kind, body, err := r.block()
		if err != nil {
			return Frame{}, err
		}
		switch kind {
		case sectionBlock:
			r.interfaces = nil
		case interfaceBlock:
			if err := r.describe(body); err != nil {
				return Frame{}, err
			}
		case packetBlock:
			return r.packet(body)
		case simpleBlock, oldPacketBlock:
			return Frame{}, fmt.Errorf("a frame in a block of type %d, without time stamp or obsolete: convert the capture with editcap", kind)
		}
	}
}

// block reads one block. It returns the type and the bytes between the two lengths.
func (r *Reader) block() (kind uint32, body []byte, err error) {
	if _, err := r.in.Peek(1); err != nil {
		return 0, nil, err
	}
	// The first 12 bytes of a section contain its byte order, which its length needs.
	start, err := r.in.Peek(12)
	if err != nil {
		return 0, nil, errors.New("the capture ends in the middle of a block")
	}
	if binary.LittleEndian.Uint32(start) == sectionBlock {
		r.order = binary.LittleEndian
		if r.order.Uint32(start[8:]) != byteOrderMagic {
			r.order = binary.BigEndian
		}
	}
	kind, length := r.order.Uint32(start), r.order.Uint32(start[4:])
	if length < 12 || length%4 != 0 {
		return 0, nil, fmt.Errorf("the capture is damaged: a block of %d bytes", length)
	}
	b, err := r.read(length)
	if err != nil {
		return 0, nil, err
	}
	return kind, b[8 : length-4], nil
}

// describe reads an interface description.
func (r *Reader) describe(b []byte) error {
	if len(b) < 8 {
		return errDamaged
	}
	d := description{link: uint32(r.order.Uint16(b)), second: 1e6}
	for b = b[8:]; len(b) >= 4; {
		code, length := r.order.Uint16(b), int(r.order.Uint16(b[2:]))
		padded := 4 + (length+3)&^3
		if code == optionEnd {
			break
		}
		if padded > len(b) {
			return errDamaged
		}
		v := b[4 : 4+length]
		switch {
		case code == optionName:
			d.name = string(bytes.TrimRight(v, "\x00"))
		case code == optionResolution && length == 1:
			d.second = unitsPerSecond(v[0])
		case code == optionOffset && length == 8:
			d.offset = int64(r.order.Uint64(v))
		}
		b = b[padded:]
	}
	if d.second == 0 {
		return errors.New("an interface's unit of time is too small")
	}
	r.interfaces = append(r.interfaces, d)
	return nil
}

// unitsPerSecond converts if_tsresol, which is a negative power of ten, or of two if
// the highest bit is set. It returns 0 if the result does not fit in 64 bits.
func unitsPerSecond(resolution byte) uint64 {
	n := resolution & 0x7f
	switch {
	case resolution != n && n < 64:
		return 1 << n
	case resolution == n && n < 20: // 10^19 < 2^64
		return uint64(math.Pow10(int(n)))
	}
	return 0
}

// packet reads an enhanced packet block.
func (r *Reader) packet(b []byte) (Frame, error) {
	if len(b) < 20 {
		return Frame{}, errDamaged
	}
	number := r.order.Uint32(b)
	if number >= uint32(len(r.interfaces)) {
		return Frame{}, fmt.Errorf("a frame of interface %d, which the capture does not describe", number)
	}
	d := &r.interfaces[number]
	if d.name == "" {
		return Frame{}, fmt.Errorf("interface %d of the capture has no name: save it as a classic pcap, or name it", number)
	}
	if err := checkLink(d.link); err != nil {
		return Frame{}, err
	}
	stamp := uint64(r.order.Uint32(b[4:]))<<32 | uint64(r.order.Uint32(b[8:]))
	captured := r.order.Uint32(b[12:])
	if captured > uint32(len(b)-20) {
		return Frame{}, errDamaged
	}
	return Frame{
		Interface: d.name,
		Time:      d.nanoseconds(stamp),
		Data:      b[20 : 20+captured],
		Length:    int(r.order.Uint32(b[16:])),
	}, nil
}

func (d *description) nanoseconds(stamp uint64) int64 {
	hi, lo := bits.Mul64(stamp%d.second, 1e9)
	fraction, _ := bits.Div64(hi, lo, d.second)
	return (int64(stamp/d.second)+d.offset)*1e9 + int64(fraction)
}
