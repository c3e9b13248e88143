package vip

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Leave is Close for a director that is about to be started again: the addresses
// begin their limited life anew, and stay until it is over or the next Hold takes
// them over. Routes, which would live on, are removed.
func (h *Holder) Leave() error {
	var errs []error
	for _, v := range h.held {
		// One whose interface is gone is gone.
		if err := h.put(v); err != nil && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, err)
		}
	}
	h.held = nil
	return errors.Join(append(errs, h.Close())...)
}
