package pcap

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Reader reads the frames of one capture.
type Reader struct {
	in    *bufio.Reader
	order binary.ByteOrder
	buf   []byte
	next  func() (Frame, error)

	nanos      bool          // a classic capture's unit of time is a nanosecond
	interfaces []description // of the current section
}

// NewReader reads the beginning of a capture in either format.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, 1<<16)}
	magic, err := r.in.Peek(4)
	if err != nil {
		return nil, errors.New("the file is too short to be a capture")
	}
	if binary.LittleEndian.Uint32(magic) == sectionBlock {
		r.next = r.nextBlock
		return r, nil
	}
	r.next = r.nextRecord
	return r, r.classicHeader()
}

// Next returns the next frame, or io.EOF after the last one.
func (r *Reader) Next() (Frame, error) { return r.next() }

func (r *Reader) classicHeader() error {
	h, err := r.read(24)
	if err != nil {
		return err
	}
	for _, r.order = range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		magic := r.order.Uint32(h)
		if magic != classicMicro && magic != classicNano {
			continue
		}
		r.nanos = magic == classicNano
		return checkLink(r.order.Uint32(h[20:]) & 0xffff)
	}
	return errors.New("the file is neither a pcapng nor a pcap capture")
}

func checkLink(link uint32) error {
	if link != ethernet {
		return fmt.Errorf("the capture is of link type %d: want Ethernet (1)", link)
	}
	return nil
}

// nextRecord returns the next frame of a classic capture.
func (r *Reader) nextRecord() (Frame, error) {
	if _, err := r.in.Peek(1); err != nil {
		return Frame{}, err
	}
	h, err := r.read(16)
	if err != nil {
		return Frame{}, err
	}
	unit := int64(1000)
	if r.nanos {
		unit = 1
	}
	f := Frame{
		Time:   int64(r.order.Uint32(h))*1e9 + int64(r.order.Uint32(h[4:]))*unit,
		Length: int(r.order.Uint32(h[12:])),
	}
	f.Data, err = r.read(r.order.Uint32(h[8:]))
	return f, err
}

// read returns the next n bytes. They are valid until the next read.
func (r *Reader) read(n uint32) ([]byte, error) {
	if n > maxBlock {
		return nil, fmt.Errorf("the capture is damaged: a record of %d bytes", n)
	}
	if int(n) > cap(r.buf) {
		r.buf = make([]byte, n)
	}
	b := r.buf[:n]
	if _, err := io.ReadFull(r.in, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the capture ends in the middle of a record")
		}
		return nil, err
	}
	return b, nil
}
