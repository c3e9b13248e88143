package state

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"time"

	"director/conntrack"
	"director/dataplane"
	"director/service"
)

const (
	magic   = "DIRSTATE"
	version = 2
	// MaxAge is how old a file may be to be used: the director's clients have
	// given up what is older, or the network has changed.
	MaxAge = 60 * time.Second

	prefixSize = len(magic) + 4 + 4 // what comes before the header
	sumSize    = sha256.Size
	// maxHeader bounds the header, in bytes: a hundred thousand real servers.
	maxHeader = 64 << 20
	// bufferSize is how much is written and read at a time, in bytes.
	bufferSize = 1 << 18
)

// Header is what a director leaves beside its connections.
type Header struct {
	Saved time.Time // by the wall clock; Write sets it
	Clock int64     // the workers' clock, in nanoseconds, when they had stopped

	// Running are the services as they were, Base those of the configuration that
	// they were loaded from: the difference are the changes made since.
	Base, Running []service.Spec
	Servers       []Server // that the connections refer to
}

// Server is a real server as the connections of the file refer to it.
type Server struct {
	service.Name
	Number     uint32
	Overloaded bool // its threshold closed it to new connections
}

// Write writes the file at path, in the place of what is there, and returns how
// many connections it holds. Only its owner may read it. It is complete on disk
// when Write returns, and what was there stays until then: after an error, for
// good.
func Write(path string, h Header, conns iter.Seq2[*conntrack.Record, *dataplane.Dialogue]) (n int, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // of mode 0600
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	h.Saved = time.Now()
	n, err = encode(f, &h, conns)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return 0, err
	}
	return n, syncDir(filepath.Dir(path))
}

// syncDir has the names in a directory survive a crash.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Probe says why Write could not write a file at path.
func Probe(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// encode writes a whole file to w.
func encode(w io.Writer, h *Header, conns iter.Seq2[*conntrack.Record, *dataplane.Dialogue]) (n int, err error) {
	header, err := json.Marshal(h)
	if err != nil {
		return 0, err
	}
	if len(header) > maxHeader {
		return 0, fmt.Errorf("the services take %d bytes, more than %d", len(header), maxHeader)
	}
	sum := sha256.New()
	b := bufio.NewWriterSize(io.MultiWriter(w, sum), bufferSize) // whose first error stays
	_, _ = b.WriteString(magic)
	_, _ = b.Write(little.AppendUint32(nil, version))
	_, _ = b.Write(little.AppendUint32(nil, uint32(len(header))))
	_, _ = b.Write(header)
	for r, d := range conns {
		if len(r.Data) > math.MaxUint16 {
			return 0, fmt.Errorf("%d bytes of a persistence engine's data: no packet could bring them", len(r.Data))
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

// File is an open file that holds what it should.
type File struct {
	Header
	Conns int // how many connections it holds

	file io.ReadSeekCloser
	path string
}

// Open opens the file at path and looks at all of it. An error says why it must
// not be used: it is damaged, of another version, or was not written in the last
// MaxAge before now. One that matches os.ErrNotExist says that there is none.
func Open(path string, now time.Time) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{file: file, path: path}
	if err := f.check(now); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	return f, nil
}

// check reads the file as a whole.
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
		return fmt.Errorf("saved %v ago, more than %v", age.Round(time.Second), MaxAge)
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

// checkSum looks whether a file is complete and undamaged.
func checkSum(r io.ReadSeeker) error {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size < int64(prefixSize+sumSize) {
		return fmt.Errorf("%d bytes, too short", size)
	}
	if _, err = r.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var start [prefixSize]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return err
	}
	if string(start[:len(magic)]) != magic {
		return errors.New("not a file of a director's state")
	}
	if v := little.Uint32(start[len(magic):]); v != version {
		return fmt.Errorf("version %d, this director writes and reads version %d", v, version)
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

// start reads the header and returns what reads the records, for a table whose
// clock shows now.
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
	size := c.u32()
	if size > maxHeader {
		return nil, fmt.Errorf("a header of %d bytes, more than %d", size, maxHeader)
	}
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

// next reads a record, or returns nil at the end of all.
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
	return nil, nil, fmt.Errorf("%#x where a record should begin", mark[0])
}

// end reads what follows the last of n records, up to the checksum.
func (d *decoder) end(n int) error {
	c, err := d.take(8)
	if err != nil {
		return err
	}
	if said := c.u64(); said != uint64(n) {
		return fmt.Errorf("%d connections, the file says %d", n, said)
	}
	if _, err = d.take(sumSize); err != nil {
		return err
	}
	if _, err = d.take(1); !errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the records end too early")
	}
	return nil
}

// Each yields the connections, parents before their children, each with what a
// helper remembers of it, or nil. Their deadlines are on a clock that shows now. The
// caller must not keep what it is lent. The error is one of reading: what the file holds has
// been looked at.
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

// Discard removes the file and closes it: what is in it is used once.
func (f *File) Discard() error { return errors.Join(os.Remove(f.path), f.Close()) }
