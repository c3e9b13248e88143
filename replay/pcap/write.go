package pcap

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
)

// nanoseconds is the if_tsresol of what is written: 10^-9.
const nanoseconds = 9

// Writer writes a pcapng capture. The first error sticks and Flush returns it.
type Writer struct {
	out     *bufio.Writer
	numbers map[string]uint32
	block   []byte
	err     error
}

// NewWriter begins a capture of the named interfaces; application is who
// writes it.
func NewWriter(out io.Writer, application string, interfaces ...string) *Writer {
	w := &Writer{out: bufio.NewWriterSize(out, 1<<16), numbers: map[string]uint32{}}
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

// Write appends a frame. An interface that was not named before is described
// first.
func (w *Writer) Write(f *Frame) {
	number := w.number(f.Interface)
	w.begin(packetBlock)
	w.u32(number)
	w.u32(uint32(uint64(f.Time) >> 32))
	w.u32(uint32(f.Time))
	w.u32(uint32(len(f.Data)))
	w.u32(uint32(f.Length))
	w.bytes(f.Data)
	w.end()
}

// Flush writes what is buffered.
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
		w.u32(0) // no snap length
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
	w.u32(0) // the length, which end knows
}

func (w *Writer) end() {
	length := uint32(len(w.block) + 4)
	binary.LittleEndian.PutUint32(w.block[4:], length)
	w.u32(length)
	if w.err == nil {
		_, w.err = w.out.Write(w.block)
	}
}

func (w *Writer) u32(v uint32) { w.block = binary.LittleEndian.AppendUint32(w.block, v) }

// bytes appends v and what fills it up to a multiple of four.
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
