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

// The first byte of a record, and the byte after the last record.
const (
	recordMark = 'c'
	endMark    = 'e'
)

// The bits that say which optional parts a record has. parental announces no part.
const (
	hasParent = 1 << iota
	parental
	hasData
	hasDialogue
	wide
	paired
	allParts = 1<<iota - 1
)

const (
	fixedSize    = 53 // after the mark
	narrowSize   = 3 * 4
	wideSize     = 3 * 16
	pairSize     = 16 + 2 + 2*3*4
	dialogueSize = 28
	// maxTime bounds the time, in nanoseconds, until a connection expires or since it
	// has expired. The longest time-out is that of a persistent service, 31 days.
	maxTime = 32 * 24 * 3600 * 1_000_000_000
)

// little is the byte order of numbers.
var little = binary.LittleEndian

// appendRecord appends the record of r to b. d is the FTP helper's state of that
// connection, or nil. clock is the time of the table that r is from.
func appendRecord(b []byte, r *conntrack.Record, d *dataplane.Dialogue, clock int64) []byte {
	parts := partsOf(r, d)
	b = append(b, recordMark, byte(r.Kind), r.Method, byte(r.State), r.Proto, parts)
	for _, p := range [...]uint16{r.ClientPort, r.VirtualPort, r.Port} {
		b = little.AppendUint16(b, p)
	}
	for _, n := range [...]uint32{r.Server, r.Packets, r.Timeout, r.Mark} {
		b = little.AppendUint32(b, n)
	}
	b = little.AppendUint16(b, uint16(r.Flags))
	for _, n := range [...]uint64{uint64(r.Deadline - clock), uint64(r.Order), uint64(r.ID)} {
		b = little.AppendUint64(b, n)
	}
	for _, a := range [...]packet.Addr{r.Client, r.Virtual, r.Addr} {
		if parts&wide != 0 {
			b = little.AppendUint64(b, a.Hi)
			b = little.AppendUint64(b, a.Lo)
		} else {
			b = little.AppendUint32(b, a.V4())
		}
	}
	if r.Parent != 0 {
		b = little.AppendUint64(b, uint64(r.Parent))
	}
	if parts&paired != 0 {
		b = little.AppendUint64(b, r.Local.Hi)
		b = little.AppendUint64(b, r.Local.Lo)
		b = little.AppendUint16(b, r.LocalPort)
		for _, s := range [...]conntrack.Shift{r.ClientShift, r.ServerShift} {
			b = little.AppendUint32(b, s.From)
			b = little.AppendUint32(b, uint32(s.By))
			b = little.AppendUint32(b, uint32(s.Before))
		}
	}
	if r.Data != "" {
		b = append(little.AppendUint16(b, uint16(len(r.Data))), r.Data...)
	}
	if d != nil {
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

// partsOf returns the bits of the optional parts of a record.
func partsOf(r *conntrack.Record, d *dataplane.Dialogue) byte {
	return flag(r.Parent != 0)*hasParent | flag(r.Parental)*parental |
		flag(r.Data != "")*hasData | flag(d != nil)*hasDialogue | flag(r.Wide())*wide |
		flag(r.Paired())*paired
}

// decoder reads records one after the other. It reuses its memory for each record.
type decoder struct {
	r        io.Reader
	now      int64                  // the time on the clock of the new table
	servers  map[uint32]bool        // the numbers of the servers in the header
	parents  map[conntrack.Ref]bool // the parents that were read so far
	buf      [fixedSize]byte
	saved    conntrack.Record
	dialogue dataplane.Dialogue
}

// take reads the next n bytes, at most fixedSize. They are valid until the next call.
func (d *decoder) take(n int) (cursor, error) {
	_, err := io.ReadFull(d.r, d.buf[:n])
	return d.buf[:n], whole(err)
}

// whole turns the end of the file into an error, because a record is not complete.
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

// record reads a record after its first byte. The result is valid until the next call.
func (d *decoder) record() (*conntrack.Record, *dataplane.Dialogue, error) {
	c, err := d.take(fixedSize)
	if err != nil {
		return nil, nil, err
	}
	r := &d.saved
	*r = conntrack.Record{}
	r.Kind, r.Method, r.State, r.Proto = conntrack.Kind(c.u8()), c.u8(), conntrack.State(c.u8()), c.u8()
	parts := c.u8()
	r.ClientPort, r.VirtualPort, r.Port = c.u16(), c.u16(), c.u16()
	r.Server, r.Packets, r.Timeout, r.Mark = c.u32(), c.u32(), c.u32(), c.u32()
	r.Flags = conntrack.Flags(c.u16())
	left := int64(c.u64())
	r.Deadline, r.Order, r.ID = d.now+left, int64(c.u64()), conntrack.Ref(c.u64())
	r.Parental = parts&parental != 0
	switch {
	case parts&^allParts != 0:
		return nil, nil, fmt.Errorf("a record has unknown parts %#x", parts)
	case left > maxTime, left < -maxTime, r.Order < 0:
		return nil, nil, errors.New("a record's time is out of range")
	}
	if err := d.rest(r, parts); err != nil {
		return nil, nil, err
	}
	if parts&hasDialogue == 0 {
		return r, nil, d.judge(r)
	}
	if err := d.readDialogue(); err != nil {
		return nil, nil, err
	}
	return r, &d.dialogue, d.judge(r)
}

// readAddresses reads the addresses of a record.
func (d *decoder) readAddresses(r *conntrack.Record, parts byte) error {
	size := narrowSize
	if parts&wide != 0 {
		size = wideSize
	}
	c, err := d.take(size)
	if err != nil {
		return err
	}
	for _, a := range [...]*packet.Addr{&r.Client, &r.Virtual, &r.Addr} {
		if parts&wide != 0 {
			*a = packet.Addr{Hi: c.u64(), Lo: c.u64()}
		} else {
			*a = packet.AddrFrom4(c.u32())
		}
	}
	return nil
}

// rest reads the addresses and the optional parts of a record, except for the dialogue.
func (d *decoder) rest(r *conntrack.Record, parts byte) error {
	if err := d.readAddresses(r, parts); err != nil {
		return err
	}
	if parts&hasParent != 0 {
		c, err := d.take(8)
		if err != nil {
			return err
		}
		if r.Parent = conntrack.Ref(c.u64()); r.Parent == 0 {
			return errors.New("a record announces a parent, but has none")
		}
	}
	if parts&paired != 0 {
		c, err := d.take(pairSize)
		if err != nil {
			return err
		}
		r.Local, r.LocalPort = packet.Addr{Hi: c.u64(), Lo: c.u64()}, c.u16()
		for _, s := range [...]*conntrack.Shift{&r.ClientShift, &r.ServerShift} {
			*s = conntrack.Shift{From: c.u32(), By: int32(c.u32()), Before: int32(c.u32())}
		}
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
		if r.Data = string(data); r.Data == "" {
			return errors.New("a record announces engine data, but has none")
		}
	}
	return nil
}

func (d *decoder) readDialogue() error {
	c, err := d.take(dialogueSize)
	if err != nil {
		return err
	}
	m := &d.dialogue
	m.Out.Start, m.Out.End = c.u32(), c.u32()
	m.Out.Before, m.Out.After = int32(c.u32()), int32(c.u32())
	m.Next, m.First = c.u32(), c.u32()
	pending, seen, midLine, awaited := c.u8(), c.u8(), c.u8(), ftp.Kind(c.u8())
	if pending|seen|midLine > 1 || awaited > ftp.ExtendedPassive {
		return errors.New("a record has an invalid FTP dialogue")
	}
	m.Out.Pending, m.Seen, m.MidLine, m.Awaited = pending == 1, seen == 1, midLine == 1, awaited
	return nil
}

// judge returns an error if a record contradicts itself or the header.
func (d *decoder) judge(r *conntrack.Record) error {
	template := r.Kind&conntrack.Template != 0
	switch {
	case r.Kind&^conntrack.Kinds != 0, r.Flags&^conntrack.AllFlags != 0, service.Method(r.Method) > service.Bypass, r.State >= conntrack.States:
		return fmt.Errorf("a record has an unknown kind %#x, method %d or state %d, or unknown flags %#x", r.Kind, r.Method, r.State, r.Flags)
	case template != (r.State >= conntrack.TemplateNone):
		return fmt.Errorf("a record of kind %#x cannot be in state %d", r.Kind, r.State)
	case (r.Data != "") != (r.Kind&conntrack.Engine != 0), r.Kind&conntrack.Engine != 0 && !template:
		return errors.New("only templates of a persistence engine have engine data, but a record contradicts this")
	case !d.servers[r.Server]:
		return fmt.Errorf("a record has server %d, which the header does not list", r.Server)
	case r.Parent != 0 && !d.parents[r.Parent]:
		return fmt.Errorf("a record has parent %#x, which does not come before it", uint64(r.Parent))
	case r.ID == 0:
		return errors.New("a record has no ID")
	}
	if r.Parental {
		d.parents[r.ID] = true
	}
	return nil
}
