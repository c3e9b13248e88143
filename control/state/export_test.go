package state

import (
	"errors"

	"director/conntrack"
	"director/dataplane"
	"director/internal/files"
)

// Size returns how many bytes a file without connections has.
func Size(h Header) (n int, err error) {
	_, err = encode((*counter)(&n), &h, func(func(*conntrack.Record, *dataplane.Dialogue) bool) {})
	return n, err
}

// counter counts what is written.
type counter int

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

// OpenAnyAge opens a file of any age.
func OpenAnyAge(p *files.Place) (*File, error) {
	file, err := p.Open()
	if err != nil {
		return nil, err
	}
	f := &File{file: file, place: p}
	if _, err = f.start(0); err == nil {
		err = f.check(f.Saved)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return f, nil
}
