package state

import (
	"errors"
	"os"
)

// OpenAnyAge opens a file of any age.
func OpenAnyAge(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{file: file, path: path}
	if _, err = f.start(0); err == nil {
		err = f.check(f.Saved)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return f, nil
}
