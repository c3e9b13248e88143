package testlvs_test

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"director/bench/testlvs"
	"director/internal/lab"
	"director/internal/lab/labtest"
)

// Each SYN that is sent arrives once, and the senders take turns.
func TestSend_ArrivesEvenly(t *testing.T) {
	labtest.RequireRoot(t)
	l := labtest.New(t, lab.Config{Servers: 1})
	to := l.Servers[0]
	p := testlvs.Plan{
		Target: netip.AddrPortFrom(to.Addr, 80), Rate: 4000, Duration: 500 * time.Millisecond,
		Sources: testlvs.Sources, Connections: 500,
	}
	seen := make(map[netip.AddrPort]int)
	var fd int
	err := to.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil {
		t.Fatal(err)
	}
	var r testlvs.Report
	if err := l.Clients[0].Do(func() (err error) { r, err = testlvs.Send(t.Context(), p); return err }); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	for {
		n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
		if err != nil {
			break // nothing more to read
		}
		if n == 44 && buf[33] == 0x02 { // SYN
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte(buf[12:16])), binary.BigEndian.Uint16(buf[20:]))
			seen[from]++
		}
	}
	if r.Due != 2000 || r.Sent+r.Refused != r.Due || r.Sent == 0 || r.Rate <= 0 || r.Seconds < 0.5 {
		t.Errorf("%+v: want 2000 in half a second", r)
	}
	arrived := 0
	for from, n := range seen {
		arrived += n
		if n != 4 && r.Refused == 0 {
			t.Errorf("%v came %d times, want 4", from, n)
		}
	}
	if len(seen) != 500 || uint64(arrived) != r.Sent {
		t.Errorf("%d arrived of %d senders, want %d of 500", arrived, len(seen), r.Sent)
	}
}

func TestSend_EndsWithItsContext(t *testing.T) {
	labtest.RequireRoot(t)
	l := labtest.New(t, lab.Config{Servers: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := testlvs.Plan{Target: netip.AddrPortFrom(l.Servers[0].Addr, 80), Rate: 1, Duration: time.Hour, Sources: testlvs.Sources}
	var r testlvs.Report
	if err := l.Clients[0].Do(func() (err error) { r, err = testlvs.Send(ctx, p); return err }); err != nil || r.Due > 1 {
		t.Errorf("%+v, %v: want an end at once", r, err)
	}
}
