package afpacket_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"director/dataplane/afpacket"
	"director/packet"
)

// testType is the ethertype of frames that no stack answers or sends (IEEE
// 802, local experiments), so that chatter on a wire is told apart.
const testType = 0x88b5

// wire is a port at one end of a veth pair and a raw socket at the other.
type wire struct {
	t       *testing.T
	a, b    *host
	nameA   string
	nameB   string
	port    *afpacket.Port
	far     int
	ifindex int
}

// newWire opens a port with the given filter and fan-out group.
func newWire(t *testing.T, filter int, group uint16) *wire {
	t.Helper()
	requireRoot(t)
	w := &wire{t: t, a: newHost(t), b: newHost(t)}
	w.nameA, w.nameB = connect(w.a, w.b, 0)
	w.ifindex = w.a.link(w.nameA).Attrs().Index
	w.far = w.b.raw(w.nameB)
	w.port = w.open(filter, group)
	return w
}

func (w *wire) open(filter int, group uint16) *afpacket.Port {
	w.t.Helper()
	return openPort(w.a, w.nameA, filter, group)
}

func openPort(h *host, name string, filter int, group uint16) *afpacket.Port {
	h.t.Helper()
	var p *afpacket.Port
	h.do(func() (err error) {
		p, err = afpacket.Open(afpacket.Config{
			Ifindex: h.link(name).Attrs().Index, Interface: name, Filter: filter, Fanout: group})
		return err
	})
	h.t.Cleanup(func() { p.Close() })
	return p
}

// sendFar sends a frame to the port.
func (w *wire) sendFar(frame []byte) {
	w.t.Helper()
	if _, err := unix.Write(w.far, frame); err != nil {
		w.t.Fatal(err)
	}
}

// receiveFar waits for the next test frame at the far end.
func (w *wire) receiveFar() []byte {
	w.t.Helper()
	var got []byte
	buf := make([]byte, 1<<16)
	waitFor(w.t, "a frame at the far end", func() bool {
		for {
			n, err := unix.Read(w.far, buf)
			if err != nil {
				return false
			}
			if isTest(buf[:n]) {
				got = bytes.Clone(buf[:n])
				return true
			}
		}
	})
	return got
}

func isTest(f []byte) bool { return binary.BigEndian.Uint16(f[12:]) == testType }

// testFrame is a frame of n bytes with a number in it.
func testFrame(number uint32, n int) []byte {
	f := make([]byte, n)
	copy(f, macB)
	copy(f[6:], macA)
	binary.BigEndian.PutUint16(f[12:], testType)
	binary.BigEndian.PutUint32(f[14:], number)
	return f
}

func number(f []byte) uint32 { return binary.BigEndian.Uint32(f[14:]) }

// collect receives until want frames for which is says yes have come, and gives
// every frame back with the verdict that each returns.
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
