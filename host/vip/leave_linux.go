package vip

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Leave is Close for a director that is about to be started again. It restarts the
// lifetime of the addresses, which stay until it ends or the next Hold takes them over.
// It removes the routes, because they have no lifetime.
func (h *Holder) Leave() error {
	var errs []error
	for _, err := range h.put(h.held) {
		// If the interface is gone, its address is too.
		if err != nil && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, err)
		}
	}
	h.held = nil
	return errors.Join(append(errs, h.Close())...)
}
