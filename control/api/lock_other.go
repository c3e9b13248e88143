//go:build !linux

package api

// lockSocket does nothing: directors run on Linux only.
func lockSocket(string) (unlock func() error, err error) {
	return func() error { return nil }, nil
}
