package service

import (
	"fmt"
	"time"
)

// MaxSeconds is the maximum of a configured time-out or persistence time: 31 days
// (MAX_TIMEOUT in ipvsadm.c).
const MaxSeconds = 31 * 24 * 60 * 60

// Timeouts are the idle times, in seconds, after which a connection expires: an
// established TCP connection, a TCP connection after a FIN, and a UDP connection. In
// a change, 0 keeps the current value. The tags are the names in the control API.
type Timeouts struct {
	TCP    uint32 `json:"tcp"`
	TCPFIN uint32 `json:"tcp_fin"`
	UDP    uint32 `json:"udp"`
}

// Durations returns the three time-outs.
func (t Timeouts) Durations() (tcp, tcpfin, udp time.Duration) {
	return time.Duration(t.TCP) * time.Second, time.Duration(t.TCPFIN) * time.Second, time.Duration(t.UDP) * time.Second
}

// Validate refuses a time-out that is longer than MaxSeconds.
func (t Timeouts) Validate() error {
	if max(t.TCP, t.TCPFIN, t.UDP) > MaxSeconds {
		return fmt.Errorf("tcp, tcp_fin, udp: want at most %d seconds, or 0 to keep", MaxSeconds)
	}
	return nil
}

// Set sets the time-outs that are not 0 in change.
func (t *Timeouts) Set(change Timeouts) {
	for _, pair := range [...]struct{ to, by *uint32 }{
		{&t.TCP, &change.TCP}, {&t.TCPFIN, &change.TCPFIN}, {&t.UDP, &change.UDP},
	} {
		if *pair.by != 0 {
			*pair.to = *pair.by
		}
	}
}
