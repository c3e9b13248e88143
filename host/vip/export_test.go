package vip

import "time"

// RefreshEvery lets tests change the time between refreshes.
func (h *Holder) RefreshEvery(d time.Duration) { h.refresh = d }

// SettleAfter lets tests change the time between an event and the look at the host.
func (h *Holder) SettleAfter(d time.Duration) { h.settle = d }
