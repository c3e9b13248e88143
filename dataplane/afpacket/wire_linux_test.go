package afpacket_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"director/dataplane/afpacket"
	"director/internal/nettest"
	"director/packet"
)

// testType is an ethertype that no stack answers or sends (IEEE 802, local
// experiments). It distinguishes the frames of a test from other traffic.
const testType = 0x88b5

// wire is a port at one end of a veth pair and a packet socket at the other.
type wire struct {
	t         *testing.T
	near, far *nettest.End
	port      *afpacket.Port
	client    *nettest.Socket // on the far end
}

// newWire opens a port with the given filter and fan-out group.
func newWire(t *testing.T, filter int, group uint16) *wire {
	t.Helper()
	w := &wire{t: t}
	w.near, w.far = connect(t, nettest.New(t), nettest.New(t), 0)
	w.client = w.far.Socket(t)
	w.port = w.open(filter, group)
	return w
}

// connect connects two namespaces by a veth pair. The names of the ends contain the
// process ID and a number, for example v0PID.
func connect(t testing.TB, a, b *nettest.Namespace, number int) (endA, endB *nettest.End) {
	t.Helper()
	return a.Wire(t, nettest.Name(fmt.Sprintf("v%d-", number)), b, nettest.Name(fmt.Sprintf("v%d-", number+1)), 1)
}

func (w *wire) open(filter int, group uint16) *afpacket.Port {
	w.t.Helper()
	return openPort(w.t, w.near, filter, group)
}

func openPort(t testing.TB, e *nettest.End, filter int, group uint16) *afpacket.Port {
	t.Helper()
	var p *afpacket.Port
	e.Do(t, func() (err error) {
		p, err = afpacket.Open(afpacket.Config{Ifindex: e.Index, Interface: e.Name, Filter: filter, Fanout: group})
		return err
	})
	t.Cleanup(func() { p.Close() })
	return p
}

func isTest(f []byte) bool { return binary.BigEndian.Uint16(f[12:]) == testType }

// testFrame returns a frame of n bytes that contains a number.
func testFrame(number uint32, n int) []byte {
	f := make([]byte, n)
	copy(f, macB)
	copy(f[6:], macA)
	binary.BigEndian.PutUint16(f[12:], testType)
	binary.BigEndian.PutUint32(f[14:], number)
	return f
}

func number(f []byte) uint32 { return binary.BigEndian.Uint32(f[14:]) }

// collect receives until it has want frames for which is returns true. It returns
// every frame to the port with the verdict that each returns.
func collect(t *testing.T, p *afpacket.Port, want int, is func([]byte) bool, each func(*packet.Frame) packet.Verdict) {
	t.Helper()
	var b packet.Batch
	got := 0
	for end := time.Now().Add(20 * time.Second); got < want; {
		if time.Now().After(end) {
			t.Fatalf("got %d frames, want %d; %+v", got, want, p.Counters())
		}
		readable(p.Fd(), 100)
		if err := p.Recv(&b); err != nil {
			t.Fatal(err)
		}
		for i := range b.Frames[:b.N] {
			if f := &b.Frames[i]; is(f.Bytes()) {
				got++
				f.Verdict = each(f)
			}
		}
		if err := p.Flush(&b); err != nil {
			t.Fatal(err)
		}
	}
	if got != want {
		t.Fatalf("got %d frames, want %d", got, want)
	}
}

// readable waits until fd is readable, or has an error, for at most ms.
func readable(fd int, ms int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(p, ms)
	return err == nil && n == 1
}
