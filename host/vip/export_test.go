package vip

import "time"

// RefreshEvery lets tests see a refresh without waiting for it.
func (h *Holder) RefreshEvery(d time.Duration) { h.refresh = d }
