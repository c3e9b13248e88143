package api

import (
	"errors"

	"director/internal/files"
)

// lockSocket keeps other directors off the path of the socket until unlock is called.
// Otherwise a director that has found the socket of a killed one could remove the new
// socket of another.
func lockSocket(path string) (unlock func() error, err error) {
	place, err := files.At(path)
	if err != nil {
		return nil, err
	}
	unlock, err = place.LockBriefly()
	return unlock, errors.Join(err, place.Close())
}
