package main

import (
	"errors"
	"io/fs"
	"os"
)

// outputFile is a file that a verb writes. What was in it is lost only when the first
// bytes are written. So a verb that fails before leaves an existing file as it was, and
// leaves no new file behind.
type outputFile struct {
	*os.File
	made    bool // by openOutput
	written bool
}

// openOutput opens a file for writing. It creates the file if it does not exist.
func openOutput(name string) (*outputFile, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		f, err = os.OpenFile(name, os.O_WRONLY, 0)
		return &outputFile{File: f}, err
	}
	return &outputFile{File: f, made: true}, err
}

// Write writes at the end. The first call empties the file.
func (o *outputFile) Write(b []byte) (int, error) {
	if !o.written {
		o.written = true
		info, err := o.Stat()
		if err == nil && info.Mode().IsRegular() { // a device or a pipe has no length
			err = o.Truncate(0)
		}
		if err != nil {
			return 0, err
		}
	}
	return o.File.Write(b)
}

// Close closes the file. A new file without content is removed.
func (o *outputFile) Close() error {
	err := o.File.Close()
	if o.made && !o.written {
		err = errors.Join(err, os.Remove(o.Name()))
	}
	return err
}
