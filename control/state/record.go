package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"director/conntrack"
	"director/dataplane"
	"director/dataplane/app/ftp"
	"director/packet"
	"director/service"
)

// What a record, and the end of them, begin with.
const (
	recordMark = 'c'
	endMark    = 'e'
)

// Which parts of a record follow the fixed ones; parental has none.
const (
	hasParent = 1 << iota
	parental
	hasData
	hasDialogue
	allParts = 1<<iota - 1
)

const (
	fixedSize    = 51 // after the mark
	dialogueSize = 28
	// maxTime bounds what is left of a connection's life, or how long it is over,
	// in nanoseconds: a persistent service's is at most 31 days.
	maxTime = 32 * 24 * 3600 * 1_000_000_000
	// kinds are those that a connection may be of.
	kinds = conntrack.Template | conntrack.AnyPort | conntrack.Engine | conntrack.Hidden | conntrack.Helper
)

// little is the order of the bytes of numbers.
var little = binary.LittleEndian

// appendRecord appends the record of s to b.
func appendRecord(b []byte, s *dataplane.Saved) []byte {
	b = append(b, recordMark, byte(s.Kind), s.Method, byte(s.State), s.Proto, partsOf(s))
	for _, a := range [...]packet.Addr{s.Client, s.Virtual, s.Addr} {
		b = little.AppendUint32(b, a.V4())
	}
	for _, p := range [...]uint16{s.ClientPort, s.VirtualPort, s.Port} {
		b = little.AppendUint16(b, p)
	}
	b = little.AppendUint32(b, s.Server)
	b = little.AppendUint32(b, s.Number)
	b = little.AppendUint64(b, uint64(s.Left))
	b = little.AppendUint64(b, s.Order)
	b = little.AppendUint32(b, s.ID)
	if s.HasParent {
		b = little.AppendUint32(b, s.Parent)
	}
	if s.Data != "" {
		b = append(little.AppendUint16(b, uint16(len(s.Data))), s.Data...)
	}
	if d := s.Dialogue; d != nil {
		b = little.AppendUint32(b, d.Out.Start)
		b = little.AppendUint32(b, d.Out.End)
		b = little.AppendUint32(b, uint32(d.Out.Before))
		b = little.AppendUint32(b, uint32(d.Out.After))
		b = little.AppendUint32(b, d.Next)
		b = little.AppendUint32(b, d.First)
		b = append(b, flag(d.Out.Pending), flag(d.Seen), flag(d.MidLine), byte(d.Awaited))
	}
	return b
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// partsOf says which parts a record has.
func partsOf(s *dataplane.Saved) byte {
	return flag(s.HasParent)*hasParent | flag(s.Parental)*parental |
		flag(s.Data != "")*hasData | flag(s.Dialogue != nil)*hasDialogue
}

// decoder reads records one after the other, into memory that it keeps.
type decoder struct {
	r        io.Reader
	servers  map[uint32]bool // the numbers that there are
	parents  map[uint32]bool // that came
	buf      [fixedSize]byte
	saved    dataplane.Saved
	dialogue dataplane.Dialogue
}

// take reads the next n bytes, at most fixedSize, of which any may be a cursor's.
func (d *decoder) take(n int) (cursor, error) {
	_, err := io.ReadFull(d.r, d.buf[:n])
	return d.buf[:n], whole(err)
}

// whole says that what ended too early was cut off.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cursor takes numbers off its front.
type cursor []byte

func (c *cursor) u8() (v byte)    { v, *c = (*c)[0], (*c)[1:]; return v }
func (c *cursor) u16() (v uint16) { v, *c = little.Uint16(*c), (*c)[2:]; return v }
func (c *cursor) u32() (v uint32) { v, *c = little.Uint32(*c), (*c)[4:]; return v }
func (c *cursor) u64() (v uint64) { v, *c = little.Uint64(*c), (*c)[8:]; return v }

// record reads what follows a record's mark. What it returns is good until the
// next one.
func (d *decoder) record() (*dataplane.Saved, error) {
	c, err := d.take(fixedSize)
	if err != nil {
		return nil, err
	}
	s := &d.saved
	*s = dataplane.Saved{}
	s.Kind, s.Method, s.State, s.Proto = conntrack.Kind(c.u8()), c.u8(), conntrack.State(c.u8()), c.u8()
	parts := c.u8()
	for _, a := range [...]*packet.Addr{&s.Client, &s.Virtual, &s.Addr} {
		*a = packet.AddrFrom4(c.u32())
	}
	s.ClientPort, s.VirtualPort, s.Port = c.u16(), c.u16(), c.u16()
	s.Server, s.Number = c.u32(), c.u32()
	s.Left, s.Order, s.ID = int64(c.u64()), c.u64(), c.u32()
	s.HasParent, s.Parental = parts&hasParent != 0, parts&parental != 0
	if parts&^allParts != 0 {
		return nil, fmt.Errorf("a record has unknown parts %#x", parts)
	}
	if err := d.rest(s, parts); err != nil {
		return nil, err
	}
	return s, d.judge(s)
}

// rest reads the parts of a record that not every one has.
func (d *decoder) rest(s *dataplane.Saved, parts byte) error {
	if s.HasParent {
		c, err := d.take(4)
		if err != nil {
			return err
		}
		s.Parent = c.u32()
	}
	if parts&hasData != 0 {
		c, err := d.take(2)
		if err != nil {
			return err
		}
		data := make([]byte, c.u16())
		if _, err := io.ReadFull(d.r, data); err != nil {
			return whole(err)
		}
		if s.Data = string(data); s.Data == "" {
			return errors.New("a record announces data and has none")
		}
	}
	if parts&hasDialogue != 0 {
		return d.readDialogue(s)
	}
	return nil
}

func (d *decoder) readDialogue(s *dataplane.Saved) error {
	c, err := d.take(dialogueSize)
	if err != nil {
		return err
	}
	m := &d.dialogue
	s.Dialogue = m
	m.Out.Start, m.Out.End = c.u32(), c.u32()
	m.Out.Before, m.Out.After = int32(c.u32()), int32(c.u32())
	m.Next, m.First = c.u32(), c.u32()
	pending, seen, midLine, awaited := c.u8(), c.u8(), c.u8(), ftp.Kind(c.u8())
	if pending|seen|midLine > 1 || awaited > ftp.ExtendedPassive {
		return errors.New("a record of a dialogue makes no sense")
	}
	m.Out.Pending, m.Seen, m.MidLine, m.Awaited = pending == 1, seen == 1, midLine == 1, awaited
	return nil
}

// judge says what in a record cannot be.
func (d *decoder) judge(s *dataplane.Saved) error {
	template := s.Kind&conntrack.Template != 0
	switch {
	case s.Kind&^kinds != 0, service.Method(s.Method) > service.Bypass, s.State >= conntrack.States:
		return fmt.Errorf("a record is of unknown kind %#x, method %d or state %d", s.Kind, s.Method, s.State)
	case template != (s.State >= conntrack.TemplateNone):
		return fmt.Errorf("a record of kind %#x is in state %d", s.Kind, s.State)
	case (s.Data != "") != (s.Kind&conntrack.Engine != 0), s.Kind&conntrack.Engine != 0 && !template:
		return errors.New("a record that is no template of an engine has its data, or the other way round")
	case s.Left > maxTime, s.Left < -maxTime, s.Order >= 1<<63:
		return errors.New("a record's time is out of range")
	case !d.servers[s.Server]:
		return fmt.Errorf("a record has server %d, which the header does not list", s.Server)
	case s.HasParent && !d.parents[s.Parent]:
		return fmt.Errorf("a record comes before its parent %d", s.Parent)
	}
	if s.Parental {
		d.parents[s.ID] = true
	}
	return nil
}
