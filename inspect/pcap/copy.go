package pcap

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Copy copies a pcapng capture block by block while a Writer writes it. So dst always
// ends with a whole block and can be read at any time. Copy returns the sum of the
// statistics at the end of the capture, and whether there were any.
func Copy(dst io.Writer, src io.Reader) (sum Statistics, complete bool, err error) {
	in, out := bufio.NewReaderSize(src, 1<<16), bufio.NewWriterSize(dst, 1<<16)
	block := make([]byte, 0, 1<<12)
	for {
		head, err := in.Peek(8)
		if err != nil {
			if len(head) == 0 && errors.Is(err, io.EOF) {
				err = nil
			}
			return sum, complete, errors.Join(err, out.Flush())
		}
		kind, length := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
		if length < 12 || length > maxBlock {
			return sum, complete, errors.Join(fmt.Errorf("what arrives is no capture: a block of %d bytes", length), out.Flush())
		}
		if int(length) > cap(block) {
			block = make([]byte, length)
		}
		block = block[:length]
		if _, err := io.ReadFull(in, block); err != nil {
			return sum, complete, errors.Join(fmt.Errorf("the capture ends in the middle of a block: %w", err), out.Flush())
		}
		if kind == statisticBlock {
			complete = true
			sum.add(block[8 : length-4])
		}
		if _, err := out.Write(block); err != nil {
			return sum, complete, err
		}
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return sum, complete, err
			}
		}
	}
}

// add adds the counts in the body of a block of statistics.
func (s *Statistics) add(b []byte) {
	for b = b[min(12, len(b)):]; len(b) >= 4; {
		code, length := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		padded := 4 + (length+3)&^3
		if code == optionEnd || padded > len(b) {
			return
		}
		if length == 8 {
			count := binary.LittleEndian.Uint64(b[4:])
			switch code {
			case optionReceived:
				s.Received += count
			case optionSkipped:
				s.Skipped += count
			case optionAccepted:
				s.Accepted += count
			case optionLost:
				s.Lost += count
			case optionDelivered:
				s.Written += count
			}
		}
		b = b[padded:]
	}
}
