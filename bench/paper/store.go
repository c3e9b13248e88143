package paper

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jszwec/csvutil"
)

// The files of a run, in its directory.
const (
	runFile       = "run.json"
	pointsFile    = "points.csv"
	usageFile     = "usage.csv"
	transfersFile = "transfers.csv"
)

// ErrOther is returned if a run is continued with other options than it was started
// with.
var ErrOther = errors.New("the directory has the data of a run with other options")

// Data contains all measurements of a run.
type Data struct {
	Run       Run
	Points    []Point
	Usage     map[string][]Usage // by key of the point
	Transfers []Transfer
}

// Read reads those files of a run that exist.
func Read(dir fs.FS) (*Data, error) {
	d := &Data{Usage: make(map[string][]Usage)}
	text, err := fs.ReadFile(dir, runFile)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &d.Run); err != nil {
		return nil, fmt.Errorf("%s: %w", runFile, err)
	}
	var usage []Usage
	if err := errors.Join(
		readRows(dir, pointsFile, &d.Points),
		readRows(dir, usageFile, &usage),
		readRows(dir, transfersFile, &d.Transfers),
	); err != nil {
		return nil, err
	}
	done := make(map[string]bool, len(d.Points))
	for i := range d.Points {
		done[d.Points[i].Key()] = true
	}
	for _, u := range usage {
		if !done[u.Point] {
			continue // the point is incomplete
		}
		rows := d.Usage[u.Point]
		if i := slices.IndexFunc(rows, func(r Usage) bool { return r.Subject == u.Subject }); i >= 0 {
			rows[i] = u // the point was measured again
			continue
		}
		d.Usage[u.Point] = append(rows, u)
	}
	return d, nil
}

// readRows reads a file. It leaves out the last line if a crash cut it off.
func readRows[T any](dir fs.FS, name string, rows *[]T) error {
	text, err := fs.ReadFile(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	if err := csvutil.Unmarshal(text, rows); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Store saves measurements row by row, so that an interrupted run can be continued.
// One goroutine uses it.
type Store struct {
	Data
	dir string
	has map[string]bool
}

// Open creates the directory of a run, or continues the run in it. If that run was
// started with other options, it returns ErrOther.
func Open(dir string, run Run) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, has: make(map[string]bool)}
	data, err := Read(os.DirFS(dir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.Data = Data{Run: run, Usage: make(map[string][]Usage)}
		return s, s.SaveRun()
	case err != nil:
		return nil, fmt.Errorf("continue the run in %s: %w", dir, err)
	}
	if data.Run.Options != run.Options {
		return nil, fmt.Errorf("%s: %w: %+v; now %+v", dir, ErrOther, data.Run.Options, run.Options)
	}
	s.Data = *data
	for i := range s.Points {
		s.has[s.Points[i].Key()] = true
	}
	for i := range s.Transfers {
		s.has[s.Transfers[i].Key()] = true
	}
	return s, nil
}

// Has reports whether a row with this key has been measured.
func (s *Store) Has(key string) bool { return s.has[key] }

// SaveRun writes the description of the run.
func (s *Store) SaveRun() error {
	text, err := json.MarshalIndent(&s.Run, "", "  ")
	if err != nil {
		return err
	}
	temporary := filepath.Join(s.dir, runFile+".new")
	if err := os.WriteFile(temporary, append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, filepath.Join(s.dir, runFile))
}

// AddPoint saves a point and its CPU usage. The row of the point is written last:
// usage without it does not count.
func (s *Store) AddPoint(p Point, usage []Usage) error {
	key := p.Key()
	p.Fault = strings.Join(strings.Fields(p.Fault), " ") // a row must be one line, so that a line cut off by a crash is recognised
	for i := range usage {
		usage[i].Point = key
	}
	if err := appendRows(s.dir, usageFile, usage); err != nil {
		return err
	}
	if len(usage) > 0 {
		s.Usage[key] = usage
	}
	if err := appendRows(s.dir, pointsFile, []Point{p}); err != nil {
		return err
	}
	s.Points = append(s.Points, p)
	s.has[key] = true
	return nil
}

// AddTransfer saves a step of a sweep.
func (s *Store) AddTransfer(t Transfer) error {
	if err := appendRows(s.dir, transfersFile, []Transfer{t}); err != nil {
		return err
	}
	s.Transfers = append(s.Transfers, t)
	s.has[t.Key()] = true
	return nil
}

// appendRows appends rows to a file, after its header. It first removes an
// incomplete last line, which a crash may have left.
func appendRows[T any](dir, name string, rows []T) (err error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	end := int64(bytes.LastIndexByte(text, '\n') + 1)
	if err := f.Truncate(end); err != nil {
		return err
	}
	if _, err := f.Seek(end, io.SeekStart); err != nil {
		return err
	}
	w := csv.NewWriter(f)
	e := csvutil.NewEncoder(w)
	e.AutoHeader = end == 0
	for _, r := range rows {
		if err := e.Encode(r); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	w.Flush()
	return w.Error()
}
