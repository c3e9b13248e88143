package state

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"time"

	"director/conntrack"
	"director/dataplane"
	"director/internal/files"
	"director/service"
)

const (
	magic   = "DIRSTATE"
	version = 3
	// MaxAge is the largest age of a file that is used. Clients have given up older
	// connections, or the network has changed.
	MaxAge = 60 * time.Second

	prefixSize = len(magic) + 4 + 4 // the fields before the header
	sumSize    = sha256.Size
	// bufferSize is the number of bytes that are written or read at a time.
	bufferSize = 1 << 18
)

// Header is the saved state of a director without its connections.
type Header struct {
	Saved time.Time // wall-clock time of saving; Write sets it
	Clock int64     // the workers' clock after they stopped, in nanoseconds

	Servers []Server // the servers that the connections refer to
}

// Server is a real server. The connections of the file refer to it by its number.
type Server struct {
	service.Name
	Number     uint32
	Overloaded bool // it gets no new connections because of its threshold
}

// Write writes the file at p and returns its number of connections. Only the owner may
// read the file. If there is a file, Write replaces it when the new one is completely on
// disk. After an error the old file is still there. Write does not wait for a disk that has
// not finished when ctx ends. The error then matches the cause of ctx, and conns is not in
// use any more.
func Write(ctx context.Context, p *files.Place, h Header, conns iter.Seq2[*conntrack.Record, *dataplane.Dialogue]) (n int, err error) {
	h.Saved = time.Now()
	err = p.ReplaceUntil(ctx, func() error { return own(p) }, func(w io.Writer) (err error) {
		n, err = encode(w, &h, conns)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// own returns an error if there is a file at p that Write must not replace.
func own(p *files.Place) error {
	ours, err := p.Begins(magic)
	if err == nil && !ours {
		err = fmt.Errorf("%s is not a state file of the director: move it away, or give another name", p.Path())
	}
	return err
}

// encode writes a whole file to w.
func encode(w io.Writer, h *Header, conns iter.Seq2[*conntrack.Record, *dataplane.Dialogue]) (n int, err error) {
	header, err := json.Marshal(h)
	if err != nil {
		return 0, err
	}
	if len(header) > math.MaxUint32 { // of tens of millions of real servers
		return 0, fmt.Errorf("the real servers take %d bytes, more than %d", len(header), math.MaxUint32)
	}
	sum := sha256.New()
	b := bufio.NewWriterSize(io.MultiWriter(w, sum), bufferSize) // it keeps its first error until Flush
	_, _ = b.WriteString(magic)
	_, _ = b.Write(little.AppendUint32(nil, version))
	_, _ = b.Write(little.AppendUint32(nil, uint32(len(header))))
	_, _ = b.Write(header)
	for r, d := range conns {
		if len(r.Data) > math.MaxUint16 {
			return 0, fmt.Errorf("a connection has %d bytes of engine data, more than a packet can carry", len(r.Data))
		}
		if _, err := b.Write(appendRecord(b.AvailableBuffer(), r, d, h.Clock)); err != nil {
			return 0, err
		}
		n++
	}
	_ = b.WriteByte(endMark)
	_, _ = b.Write(little.AppendUint64(nil, uint64(n)))
	if err := b.Flush(); err != nil {
		return 0, err
	}
	_, err = w.Write(sum.Sum(nil))
	return n, err
}

// File is an open file whose content has been checked.
type File struct {
	Header
	Conns int // number of connections in the file

	file  *os.File
	place *files.Place
}

// Open opens the file at p and checks all of it. It returns an error if other users could
// have written the file, or if it is damaged, has another version, or is older than MaxAge
// at the time now. The error matches fs.ErrNotExist if there is no file.
func Open(p *files.Place, now time.Time) (*File, error) {
	file, err := p.Open()
	if err != nil {
		return nil, err
	}
	f := &File{file: file, place: p}
	if err := f.check(now); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", p.Path(), err), file.Close())
	}
	return f, nil
}

// check reads and checks the whole file.
func (f *File) check(now time.Time) error {
	if err := checkSum(f.file); err != nil {
		return err
	}
	d, err := f.start(0)
	if err != nil {
		return err
	}
	switch age := now.Sub(f.Saved); {
	case age > MaxAge:
		return fmt.Errorf("saved %v ago, the limit is %v", age.Round(time.Second), MaxAge)
	case age < 0:
		return fmt.Errorf("saved in the future, at %v", f.Saved)
	}
	for {
		r, _, err := d.next()
		if err != nil {
			return err
		}
		if r == nil {
			break
		}
		f.Conns++
	}
	return d.end(f.Conns)
}

// checkSum checks whether a file is complete and undamaged.
func checkSum(r io.ReadSeeker) error {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size < int64(prefixSize+sumSize) {
		return fmt.Errorf("too short: %d bytes", size)
	}
	if _, err = r.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var start [prefixSize]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return err
	}
	if start == [prefixSize]byte{} {
		return errors.New("damaged: it begins with zero bytes")
	}
	if string(start[:len(magic)]) != magic {
		return errors.New("not a state file of the director")
	}
	if v := little.Uint32(start[len(magic):]); v != version {
		return fmt.Errorf("the file has version %d, but this director reads and writes version %d", v, version)
	}
	sum := sha256.New()
	sum.Write(start[:])
	if _, err := io.CopyBuffer(sum, io.LimitReader(r, size-int64(prefixSize+sumSize)), make([]byte, bufferSize)); err != nil {
		return err
	}
	var want [sumSize]byte
	if _, err := io.ReadFull(r, want[:]); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), want[:]) {
		return errors.New("damaged: the checksum is wrong")
	}
	return nil
}

// start reads the header and returns a decoder of the records. now is the time on the
// clock of the new table.
func (f *File) start(now int64) (*decoder, error) {
	if _, err := f.file.Seek(int64(len(magic)+4), io.SeekStart); err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(f.file, bufferSize)
	d := &decoder{r: r, now: now, servers: map[uint32]bool{}, parents: map[conntrack.Ref]bool{}}
	c, err := d.take(4)
	if err != nil {
		return nil, err
	}
	size := c.u32() // ReadAll takes no more memory than the file has bytes
	header, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err != nil {
		return nil, err
	}
	if len(header) < int(size) {
		return nil, io.ErrUnexpectedEOF
	}
	f.Header = Header{}
	if err := json.Unmarshal(header, &f.Header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	for _, s := range f.Servers {
		d.servers[s.Number] = true
	}
	return d, nil
}

// next reads a record. It returns nil after the last one.
func (d *decoder) next() (*conntrack.Record, *dataplane.Dialogue, error) {
	mark, err := d.take(1)
	if err != nil {
		return nil, nil, err
	}
	switch mark[0] {
	case recordMark:
		return d.record()
	case endMark:
		return nil, nil, nil
	}
	return nil, nil, fmt.Errorf("found %#x where a record should start", mark[0])
}

// end reads the part between the last of n records and the checksum.
func (d *decoder) end(n int) error {
	c, err := d.take(8)
	if err != nil {
		return err
	}
	if said := c.u64(); said != uint64(n) {
		return fmt.Errorf("found %d connections, but the file should have %d", n, said)
	}
	if _, err = d.take(sumSize); err != nil {
		return err
	}
	if _, err = d.take(1); !errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("there are more bytes after the last record")
	}
	return nil
}

// Each calls yield for each connection, parents before their children. The dialogue is the
// FTP helper's state of the connection, or nil. Deadlines are set for a clock that shows
// now. yield must not keep its arguments. Each returns an error only if reading fails,
// because Open has checked the content.
func (f *File) Each(now int64, yield func(*conntrack.Record, *dataplane.Dialogue)) error {
	d, err := f.start(now)
	if err != nil {
		return err
	}
	for {
		r, dialogue, err := d.next()
		if r == nil || err != nil {
			return err
		}
		yield(r, dialogue)
	}
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Discard removes the file and closes it, because a state must be used only once. A file
// that has replaced it in the meantime stays.
func (f *File) Discard() error { return errors.Join(f.place.Remove(f.file), f.Close()) }
