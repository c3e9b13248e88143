package afxdp_test

import (
	"errors"
	"testing"

	"director/dataplane/afxdp"
	"director/internal/nettest"

	"golang.org/x/sys/unix"
)

// Counters of the kernel that cannot be read keep their values. If they were 0 once, the
// next rates would show all losses since the start as new ones.
func TestPort_KeepsTheKernelsCountersIfTheyCannotBeRead(t *testing.T) {
	r := newRig(t, 1, 0, false)
	const chunks = 128
	p := r.open(afxdp.Config{Queue: 0, Mode: afxdp.Copy, Chunks: chunks})
	lost := func(c afxdp.Counters) uint64 { return c.Kernel.Rx_ring_full + c.Kernel.Rx_dropped }
	nettest.Eventually(t, "frames lost in the kernel", func() bool { // nobody takes frames from the port
		r.client.TrySend(r.frame(servicePort, 0))
		return lost(r.counters(p)) > 0
	})
	before := r.counters(p)
	nettest.Eventually(t, "all lost frames counted", func() bool {
		last := before
		before = r.counters(p)
		return before == last
	})
	var failed afxdp.Counters
	p.WithoutSocket(func() {
		var err error
		if failed, err = p.Counters(); !errors.Is(err, unix.EBADF) {
			t.Errorf("without a socket: error %v, want %v", err, unix.EBADF)
		}
	})
	if failed != before {
		t.Errorf("without a socket: got %+v, want %+v", failed, before)
	}
	if after := r.counters(p); lost(after) < lost(before) {
		t.Errorf("afterwards: got %+v, want at least %+v", after, before)
	}
}
