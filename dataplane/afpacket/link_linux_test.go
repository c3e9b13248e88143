package afpacket_test

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"director/dataplane/afpacket"
	"director/internal/nettest"
	"director/packet"
)

func TestPort_ResumesWhenTheLinkDoes(t *testing.T) {
	for name, group := range map[string]uint16{"alone": 0, "in a group": 80} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, 0, group)
			w.near.Down(t, w.near.Name)
			if !readable(w.port.Fd(), 20000) {
				t.Fatal("no event when the link went down")
			}
			var b packet.Batch
			nettest.Eventually(t, "the descriptor to become quiet while the link is down", func() bool {
				if err := w.port.Recv(&b); err != nil {
					t.Fatalf("receive on a link that is down: %v, want no error", err)
				}
				w.port.Flush(&b)
				return !readable(w.port.Fd(), 20)
			})
			for i := range uint32(3) {
				w.port.Alloc(&b)
				f := &b.Frames[i]
				f.Len = int32(copy(f.Buf[f.Off:], testFrame(i, 60)))
				f.Verdict = packet.Tx
			}
			if err := w.port.Flush(&b); err != nil {
				t.Fatalf("transmit on a link that is down: %v, want no error", err)
			}
			if c := w.port.Counters(); c.TxDown != 3 || c.Tx != 0 {
				t.Fatalf("counters %+v, want 3 lost to the link", c)
			}

			w.near.Up(t, w.near.Name)
			nettest.Eventually(t, "carrier", func() bool { return w.far.Link(t, w.far.Name).Attrs().RawFlags&unix.IFF_LOWER_UP != 0 })
			w.client = w.far.Socket(t)
			w.client.Send(testFrame(9, 60))
			collect(t, w.port, 1, isTest, func(*packet.Frame) packet.Verdict { return packet.Tx })
			if n := number(w.client.Recv(isTest)); n != 9 {
				t.Fatalf("frame %d came back, want 9", n)
			}
		})
	}
}

func TestPort_SurvivesItsDevice(t *testing.T) {
	w := newWire(t, 0, 0)
	if err := w.near.LinkDel(w.near.Link(t, w.near.Name)); err != nil {
		t.Fatal(err)
	}
	var b packet.Batch
	if err := w.port.Recv(&b); err != nil {
		t.Fatalf("receive: %v, want no error", err)
	}
	w.port.Alloc(&b)
	b.Frames[0].Len, b.Frames[0].Verdict = 60, packet.Tx
	if err := w.port.Flush(&b); err != nil {
		t.Fatalf("transmit: %v, want no error", err)
	}
	if c := w.port.Counters(); c.TxDown != 1 {
		t.Fatalf("counters %+v, want 1 lost to the link", c)
	}
}

func TestPort_CountsWhatTheMTUForbidsAndSendsTheRest(t *testing.T) {
	w := newWire(t, 0, 0)
	var b packet.Batch
	for i, n := range []int{60, 1700, 61, 5, 62} {
		w.port.Alloc(&b)
		f := &b.Frames[i]
		f.Len = int32(copy(f.Buf[f.Off:], testFrame(uint32(i), max(n, 18))[:n]))
		f.Verdict = packet.Tx
	}
	w.port.Flush(&b)
	for _, want := range []int{60, 61, 62} {
		if got := w.client.Recv(isTest); len(got) != want {
			t.Fatalf("frame of %d bytes, want %d", len(got), want)
		}
	}
	if c := w.port.Counters(); c.Tx != 3 || c.TxOversize != 1 || c.TxErrors != 1 {
		t.Fatalf("counters %+v, want 3 transmitted, 1 too long, 1 refused", c)
	}
}

func TestPort_CountsWhatTheKernelDrops(t *testing.T) {
	w := newWire(t, 0, 0)
	frame := testFrame(1, 1500)
	for range 8 << 20 / 1500 { // more than the ring holds
		w.client.Send(frame)
	}
	first := w.port.Counters()
	if first.KernelDrops == 0 || first.KernelFreezes == 0 {
		t.Fatalf("counters %+v, want drops", first)
	}
	if err := w.port.Close(); err != nil {
		t.Fatal(err)
	}
	if again := w.port.Counters(); again.KernelDrops < first.KernelDrops {
		t.Fatalf("%d drops after Close, want %d at least", again.KernelDrops, first.KernelDrops)
	}
}

func TestClose_LeavesNothingBehind(t *testing.T) {
	w := newWire(t, 0, 0)
	w.port.Close()
	before := openFiles(t)
	for range 20 {
		p := w.open(0, 81)
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatalf("second close: %v, want no error", err)
		}
	}
	if after := openFiles(t); after > before {
		t.Fatalf("%d descriptors and maps, want %d", after, before)
	}
}

// openFiles counts the descriptors and mappings of packet sockets.
func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return n + strings.Count(string(maps), "socket:")
}

func TestOpen_SaysWhatFailed(t *testing.T) {
	nettest.New(t).Do(t, func() error {
		_, err := afpacket.Open(afpacket.Config{Ifindex: 4711, Interface: "eth9"})
		if err == nil || !strings.Contains(err.Error(), "eth9") || !strings.Contains(err.Error(), "no such device") {
			t.Errorf("no such interface: %v", err)
		}
		_, err = afpacket.Open(afpacket.Config{Ifindex: 1, Interface: "lo", Filter: 0xffff})
		if err == nil || !strings.Contains(err.Error(), "filter") {
			t.Errorf("no such program: %v", err)
		}
		return nil
	})
}
