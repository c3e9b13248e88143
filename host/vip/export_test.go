package vip

import "time"

// RefreshEvery lets tests shorten the time between refreshes.
func (h *Holder) RefreshEvery(d time.Duration) { h.refresh = d }
