// Package journal keeps on disk what was changed while a director runs. Its file lies
// beside the state file. It outlives the director, however that ends, and the next
// director starts with the same changes.
//
// # Format
//
// The file consists of lines. The first one is "DIRJOURNAL 1". Each other line is the
// CRC-32 (IEEE) of its text in eight hexadecimal digits, a space, and the text, which is a
// JSON object. One of these names is in it:
//
//	begun    a director has started: its process number and the time
//	drift    a control.Drift, which is added to those before it
//	ended    the time at which the director ended as it should
//
// The first line after the head is that of begun. Each change is one line, which is on
// disk before the change is answered. If the machine fails while a line is written, the
// line is incomplete and is ignored: its change was not answered.
package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"director/control"
	"director/internal/files"
)

const (
	magic = "DIRJOURNAL"
	head  = magic + " 1\n"
	// least is the number of lines that Replace writes.
	least = 3
)

// line is the text of a line.
type line struct {
	Begun *Begun         `json:"begun,omitempty"`
	Drift *control.Drift `json:"drift,omitempty"`
	Ended *time.Time     `json:"ended,omitempty"`
}

// Begun describes the director that wrote a journal.
type Begun struct {
	PID int       `json:"pid"`
	At  time.Time `json:"at"`
}

// Found is the content of a journal.
type Found struct {
	control.Drift
	// Crashed is the director that wrote the journal, if it did not end as it should.
	Crashed *Begun
	// Damaged says where the file is damaged, or is empty. What comes after that place is
	// not in Drift.
	Damaged string
}

// ErrDamaged says that nothing is left of a journal: the file is empty or consists of zero
// bytes, as a file system may leave it after a power failure. A director never writes such a
// file.
var ErrDamaged = errors.New("the journal is damaged")

// Read reads the journal at p. Without a file it finds nothing. It returns an error if
// other users could have written the file, or if it is not a journal. The error matches
// ErrDamaged if it was one.
func Read(p *files.Place) (Found, error) {
	f, err := p.Open()
	if errors.Is(err, fs.ErrNotExist) {
		return Found{}, nil
	}
	if err != nil {
		return Found{}, err
	}
	defer f.Close()
	found, err := read(f)
	if err != nil {
		err = fmt.Errorf("%s: %w", p.Path(), err)
	}
	return found, err
}

func read(r io.Reader) (found Found, err error) {
	in := bufio.NewReader(r)
	first, err := in.ReadString('\n')
	switch {
	case first == "" && errors.Is(err, io.EOF):
		return found, fmt.Errorf("%w: the file is empty", ErrDamaged)
	case strings.Trim(first, "\x00") == "" && errors.Is(err, io.EOF):
		return found, fmt.Errorf("%w: the file consists of %d zero bytes", ErrDamaged, len(first))
	case err != nil && !errors.Is(err, io.EOF):
		return found, err
	case first != head:
		return found, fmt.Errorf("the file begins with %.20q, but this director reads %q", first, head)
	}
	// They are added together, because each call of Add looks at all services.
	var changes []control.Drift
	defer func() { found.Add(changes...) }()
	for n := 2; ; n++ {
		text, err := in.ReadBytes('\n')
		if len(text) == 0 && errors.Is(err, io.EOF) {
			if n <= least {
				found.Damaged = fmt.Sprintf("line %d: the file ends before it", n)
			}
			return found, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return found, err
		}
		l, err := parse(text)
		if err != nil {
			found.Damaged = fmt.Sprintf("line %d: %v", n, err)
			return found, nil
		}
		if l.Begun != nil {
			found.Crashed = l.Begun
		}
		if l.Drift != nil {
			changes = append(changes, *l.Drift)
		}
		if l.Ended != nil {
			found.Crashed = nil
		}
	}
}

// parse reads a line with its checksum.
func parse(b []byte) (l line, err error) {
	sum, text, ok := bytes.Cut(b, []byte(" "))
	text, whole := bytes.CutSuffix(text, []byte("\n"))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !ok || !whole || err != nil || crc32.ChecksumIEEE(text) != uint32(want) {
		return l, errors.New("the line is incomplete or damaged")
	}
	return l, json.Unmarshal(text, &l)
}

// format is the inverse of parse.
func format(l line) ([]byte, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(text), text), nil
}

// Check returns an error if there is a file at p that is not a journal, which must not be
// replaced.
func Check(p *files.Place) error {
	ours, err := p.Begins(magic)
	if err == nil && !ours {
		err = fmt.Errorf("%s is not a journal of the director: move it away", p.Path())
	}
	return err
}

// Journal writes a journal. It is a control.Journal. Its methods may be called by any
// goroutine.
type Journal struct {
	place *files.Place
	begun Begun

	mu   sync.Mutex
	file *os.File // at its end; nil before the first Replace
}

// New returns a journal that will be written at p. The file of the director before stays
// until the first call of Replace. The caller closes p after Close.
func New(p *files.Place) *Journal {
	return &Journal{place: p, begun: Begun{os.Getpid(), time.Now()}}
}

// Replace writes the journal anew, with d as its content.
func (j *Journal) Replace(d control.Drift) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	begun, err := format(line{Begun: &j.begun})
	if err != nil {
		return err
	}
	drift, err := format(line{Drift: &d})
	if err != nil {
		return err
	}
	if err := Check(j.place); err != nil {
		return err
	}
	f, err := j.place.Replace(func(f *os.File) error {
		_, err := f.Write(bytes.Join([][]byte{[]byte(head), begun, drift}, nil))
		return err
	})
	if err != nil {
		return err
	}
	if j.file != nil {
		err = j.file.Close()
	}
	j.file = f
	return err
}

// Append adds a change. After an error Replace must be called, because the file may end
// with a part of a line.
func (j *Journal) Append(later control.Drift) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.append(line{Drift: &later})
}

func (j *Journal) append(l line) error {
	b, err := format(l)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(b); err != nil {
		return err
	}
	return j.file.Sync()
}

// Close records that the director ended as it should, if it has written the journal.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := errors.Join(j.append(line{Ended: new(time.Now())}), j.file.Close())
	j.file = nil
	return err
}
