package pcap

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
)

// nanoseconds is the if_tsresol of written captures: 10^-9.
const nanoseconds = 9

// Writer writes a pcapng capture. It keeps the first error, and Flush returns it.
type Writer struct {
	out     *bufio.Writer
	snap    uint32 // of the interfaces, 0: none
	numbers map[string]uint32
	written int64
	block   []byte
	err     error
}

// NewWriter begins a capture of the named interfaces. application is the name of the
// program that writes it.
func NewWriter(out io.Writer, application string, interfaces ...string) *Writer {
	return NewSnapWriter(out, application, 0, interfaces...)
}

// NewSnapWriter is like NewWriter for a capture that keeps at most snap bytes of each
// frame.
func NewSnapWriter(out io.Writer, application string, snap uint32, interfaces ...string) *Writer {
	w := &Writer{out: bufio.NewWriterSize(out, 1<<16), snap: snap, numbers: map[string]uint32{}}
	w.begin(sectionBlock)
	w.u32(byteOrderMagic)
	w.u32(1)              // version 1.0: major, then minor, 16 bits each
	w.u32(math.MaxUint32) // the section's length is not known: 64 bits of ones
	w.u32(math.MaxUint32)
	w.option(optionApplication, []byte(application))
	w.u32(optionEnd)
	w.end()
	for _, name := range interfaces {
		w.number(name)
	}
	return w
}

// Write appends a frame. If its interface was not named before, the interface is
// described first.
func (w *Writer) Write(f *Frame) {
	number := w.number(f.Interface)
	w.begin(packetBlock)
	w.u32(number)
	w.time(f.Time)
	w.u32(uint32(len(f.Data)))
	w.u32(uint32(f.Length))
	w.bytes(f.Data)
	if f.Direction != Unknown {
		w.u32(optionFlags | 4<<16)
		w.u32(uint32(f.Direction))
	}
	if f.Comment != nil {
		w.option(optionComment, f.Comment)
	}
	if f.Direction != Unknown || f.Comment != nil {
		w.u32(optionEnd)
	}
	w.end()
}

// Statistics appends the counters of an interface. It must be called after the frames
// of the interface.
func (w *Writer) Statistics(s *Statistics) {
	number := w.number(s.Interface)
	w.begin(statisticBlock)
	w.u32(number)
	w.time(s.End)
	for _, o := range []struct {
		code uint32
		time int64
	}{{optionStart, s.Start}, {optionStop, s.End}} {
		w.u32(o.code | 8<<16)
		w.time(o.time)
	}
	for _, o := range []struct {
		code  uint32
		count uint64
	}{
		{optionReceived, s.Received}, {optionSkipped, s.Skipped}, {optionAccepted, s.Accepted},
		{optionLost, s.Lost}, {optionDelivered, s.Written},
	} {
		w.u32(o.code | 8<<16)
		w.u32(uint32(o.count))
		w.u32(uint32(o.count >> 32))
	}
	if s.Comment != nil {
		w.option(optionComment, s.Comment)
	}
	w.u32(optionEnd)
	w.end()
}

// Written returns the size of the capture in bytes, including those that are still
// buffered.
func (w *Writer) Written() int64 { return w.written }

// Err returns the first error.
func (w *Writer) Err() error { return w.err }

// Flush writes the buffered bytes.
func (w *Writer) Flush() error {
	if w.err == nil {
		w.err = w.out.Flush()
	}
	return w.err
}

// number returns the interface's number in the file.
func (w *Writer) number(name string) uint32 {
	n, ok := w.numbers[name]
	if !ok {
		n = uint32(len(w.numbers))
		w.numbers[name] = n
		w.begin(interfaceBlock)
		w.u32(ethernet)
		w.u32(w.snap)
		w.option(optionName, []byte(name))
		w.option(optionResolution, []byte{nanoseconds})
		w.u32(optionEnd)
		w.end()
	}
	return n
}

func (w *Writer) begin(kind uint32) {
	w.block = w.block[:0]
	w.u32(kind)
	w.u32(0) // the length, which end sets
}

func (w *Writer) end() {
	length := uint32(len(w.block) + 4)
	binary.LittleEndian.PutUint32(w.block[4:], length)
	w.u32(length)
	w.written += int64(length)
	if w.err == nil {
		_, w.err = w.out.Write(w.block)
	}
}

// time appends a time stamp. The upper half comes first in either byte order.
func (w *Writer) time(ns int64) {
	w.u32(uint32(uint64(ns) >> 32))
	w.u32(uint32(ns))
}

func (w *Writer) u32(v uint32) { w.block = binary.LittleEndian.AppendUint32(w.block, v) }

// bytes appends v and pads it to a multiple of four bytes.
func (w *Writer) bytes(v []byte) {
	w.block = append(w.block, v...)
	for len(w.block)%4 != 0 {
		w.block = append(w.block, 0)
	}
}

func (w *Writer) option(code uint32, v []byte) {
	w.u32(code | uint32(len(v))<<16)
	w.bytes(v)
}
