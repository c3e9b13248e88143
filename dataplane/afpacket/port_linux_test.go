package afpacket_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"

	"director/dataplane"
	"director/dataplane/afpacket"
	"director/packet"
)

var _ dataplane.Port = (*afpacket.Port)(nil)

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

func TestPort_ReceivesAndTransmitsInPlace(t *testing.T) {
	w := newWire(t, 0, 0)
	const total = 500
	go func() {
		for i := range uint32(total) {
			unix.Write(w.far, testFrame(i, 60+int(i)*2))
		}
	}()
	next := uint32(0)
	collect(t, w.port, total, isTest, func(f *packet.Frame) packet.Verdict {
		if n := number(f.Bytes()); n != next || f.Len != 60+int32(n)*2 {
			t.Errorf("frame %d of %d bytes, want %d of %d", n, f.Len, next, 60+next*2)
		}
		next++
		if number(f.Bytes())%2 == 0 {
			return packet.Drop
		}
		f.Bytes()[18] = 0x77
		return packet.Tx
	})
	for i := uint32(1); i < total; i += 2 {
		got := w.receiveFar()
		want := testFrame(i, 60+int(i)*2)
		want[18] = 0x77
		if !bytes.Equal(got, want) {
			t.Fatalf("came back as\n% x\nwant\n% x", got[:32], want[:32])
		}
	}
	c := w.port.Counters()
	if c.Tx != total/2 || c.TxErrors+c.TxFull+c.TxDown+c.TxOversize+c.KernelDrops != 0 {
		t.Fatalf("counters %+v, want %d transmitted and no loss", c, total/2)
	}
}

func TestPort_TransmitsWithAnOuterHeader(t *testing.T) {
	w := newWire(t, 0, 0)
	w.sendFar(testFrame(1, 1494))
	w.sendFar(testFrame(2, 100))
	collect(t, w.port, 2, isTest, func(f *packet.Frame) packet.Verdict {
		if !f.Push(20) {
			t.Error("no room for 20 bytes")
		}
		copy(f.Bytes(), testFrame(7, 34))
		return packet.Tx
	})
	for _, want := range [][]byte{testFrame(1, 1494), testFrame(2, 100)} {
		got := w.receiveFar()
		if !bytes.Equal(got[:20], testFrame(7, 20)) || !bytes.Equal(got[34:], want[14:]) {
			t.Fatalf("got\n% x\nwant an outer header in front of\n% x", got[:60], want[:40])
		}
	}
}

func TestPort_TransmitsAllocatedFrames(t *testing.T) {
	w := newWire(t, 0, 0)
	var b packet.Batch
	for round := range uint32(20) { // more frames than there are chunks
		for i := range uint32(packet.BatchSize) {
			if !w.port.Alloc(&b) {
				t.Fatalf("round %d: no frame after %d", round, b.N)
			}
			f := &b.Frames[i]
			f.Len = int32(copy(f.Buf[f.Off:], testFrame(round*packet.BatchSize+i, 200)))
			f.Verdict = packet.Tx
		}
		if err := w.port.Flush(&b); err != nil || b.N != 0 {
			t.Fatalf("flush: %v, %d frames left, want none", err, b.N)
		}
	}
	for i := range uint32(20 * packet.BatchSize) {
		if n := number(w.receiveFar()); n != i {
			t.Fatalf("frame %d, want %d", n, i)
		}
	}
}

func TestPort_DoesNotSeeWhatItSends(t *testing.T) {
	for name, group := range map[string]uint16{"alone": 0, "in a group": 77} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, 0, group)
			near := w.a.raw(w.nameA)
			var b packet.Batch
			w.port.Alloc(&b)
			f := &b.Frames[0]
			f.Len = int32(copy(f.Buf[f.Off:], testFrame(1, 60)))
			f.Verdict = packet.Tx
			w.port.Flush(&b)
			if _, err := unix.Write(near, testFrame(2, 60)); err != nil {
				t.Fatal(err)
			}
			w.receiveFar()
			w.receiveFar()
			w.sendFar(testFrame(3, 60))
			collect(t, w.port, 1, isTest, func(f *packet.Frame) packet.Verdict {
				if n := number(f.Bytes()); n != 3 {
					t.Errorf("received frame %d, want 3 alone", n)
				}
				return packet.Drop
			})
		})
	}
}

func TestPort_TaggedFrameArrivesTagged(t *testing.T) {
	w := newWire(t, 0, 0)
	inner := testFrame(5, 100)
	tagged := append(append(bytes.Clone(inner[:12]), 0x81, 0x00, 0xa0, 0x2a), inner[12:]...)
	w.sendFar(tagged)
	collect(t, w.port, 1, func(f []byte) bool { return bytes.Equal(f[6:12], macA) }, func(f *packet.Frame) packet.Verdict {
		if !bytes.Equal(f.Bytes(), tagged) {
			t.Errorf("received\n% x\nwant\n% x", f.Bytes(), tagged)
		}
		return packet.Drop
	})
}

func TestPort_FilterDecides(t *testing.T) {
	requireRoot(t)
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Fatal(err)
	}
	filter, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SocketFilter, License: "GPL",
		Instructions: asm.Instructions{ // takes frames with an odd number
			asm.Mov.Reg(asm.R6, asm.R1),
			asm.LoadAbs(17, asm.Byte),
			asm.And.Imm(asm.R0, 1),
			asm.Mul.Imm(asm.R0, 0xffff),
			asm.Return(),
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer filter.Close()
	for name, group := range map[string]uint16{"alone": 0, "in a group": 78} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, filter.FD(), group)
			for i := range uint32(20) {
				w.sendFar(testFrame(i, 60+int(i)))
			}
			next := uint32(1)
			collect(t, w.port, 10, isTest, func(f *packet.Frame) packet.Verdict {
				if n := number(f.Bytes()); n != next || f.Len != 60+int32(next) {
					t.Errorf("frame %d of %d bytes, want %d of %d", n, f.Len, next, 60+next)
				}
				next += 2
				return packet.Drop
			})
		})
	}
}

func TestPort_GroupSeesEveryFrameOnce(t *testing.T) {
	w := newWire(t, 0, 79)
	ports := []*afpacket.Port{w.port, w.open(0, 79)}
	const flows, each = 64, 10
	for i := range flows * each {
		u := &layers.UDP{SrcPort: layers.UDPPort(20000 + i%flows), DstPort: 9000}
		p := payload(100)
		binary.BigEndian.PutUint32(p, uint32(i))
		w.sendFar(build(t, eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), u, p))
	}
	seen := make(map[uint32]int)
	home := make(map[uint16]int) // which port a flow comes to
	share := make([]int, len(ports))
	waitFor(t, "every frame", func() bool {
		var b packet.Batch
		for i, p := range ports {
			for p.Recv(&b); b.N > 0; p.Recv(&b) {
				for j := range b.Frames[:b.N] {
					f := b.Frames[j].Bytes()
					if len(f) != 142 || f[23] != packet.ProtoUDP {
						continue
					}
					seen[binary.BigEndian.Uint32(f[42:])]++
					share[i]++
					flow := binary.BigEndian.Uint16(f[34:])
					if h, ok := home[flow]; ok && h != i {
						t.Errorf("flow %d came to both ports", flow)
					}
					home[flow] = i
				}
				p.Flush(&b)
			}
		}
		return len(seen) == flows*each
	})
	for n, times := range seen {
		if times != 1 {
			t.Errorf("frame %d was seen %d times, want once", n, times)
		}
	}
	if share[0] == 0 || share[1] == 0 {
		t.Errorf("the ports got %v frames, want some each", share)
	}
}

func TestPort_ResumesWhenTheLinkDoes(t *testing.T) {
	for name, group := range map[string]uint16{"alone": 0, "in a group": 80} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, 0, group)
			w.a.setUp(w.nameA, false)
			if !readable(w.port.Fd(), 20000) {
				t.Fatal("no event when the link went down")
			}
			var b packet.Batch
			waitFor(t, "the descriptor to become quiet while the link is down", func() bool {
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

			w.a.setUp(w.nameA, true)
			waitFor(t, "carrier", func() bool { return w.b.link(w.nameB).Attrs().RawFlags&unix.IFF_LOWER_UP != 0 })
			w.far = w.b.raw(w.nameB)
			w.sendFar(testFrame(9, 60))
			collect(t, w.port, 1, isTest, func(*packet.Frame) packet.Verdict { return packet.Tx })
			if n := number(w.receiveFar()); n != 9 {
				t.Fatalf("frame %d came back, want 9", n)
			}
		})
	}
}

func TestPort_StaysReadableUntilTheLastSegment(t *testing.T) {
	w := newWire(t, 0, 0)
	if err := unix.SetsockoptInt(w.far, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		t.Fatal(err)
	}
	data := payload(100 * 500)
	frame := build(t, eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp(), data)
	binary.BigEndian.PutUint16(frame[50:], pseudoSum(frame[26:34], packet.ProtoTCP, uint16(len(frame)-34)))
	hdr := make([]byte, 10) // struct virtio_net_hdr: TCP over IPv4, segments of 500 bytes
	hdr[0], hdr[1] = 1, afpacket.GSOTCP4
	for i, v := range []uint16{66, 500, 34, 16} {
		binary.NativeEndian.PutUint16(hdr[2+2*i:], v)
	}
	w.sendFar(append(hdr, frame...))

	var got []byte
	var b packet.Batch
	for end := time.Now().Add(20 * time.Second); len(got) < len(data); {
		if !readable(w.port.Fd(), 0) && len(got) > 0 {
			t.Fatalf("not readable with %d of %d bytes received", len(got), len(data))
		}
		if time.Now().After(end) {
			t.Fatalf("nothing came; %+v", w.port.Counters())
		}
		readable(w.port.Fd(), 100)
		w.port.Recv(&b)
		for i := range b.Frames[:b.N] {
			if f := b.Frames[i].Bytes(); bytes.Equal(f[:6], macB) {
				got = append(got, decode(t, f).TransportLayer().LayerPayload()...)
			}
		}
		w.port.Flush(&b)
	}
	if !bytes.Equal(got, data) {
		t.Fatalf("%d bytes of payload differ, want %d", len(got), len(data))
	}
}

func TestPort_SurvivesItsDevice(t *testing.T) {
	w := newWire(t, 0, 0)
	if err := w.a.nl.LinkDel(w.a.link(w.nameA)); err != nil {
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
		if got := w.receiveFar(); len(got) != want {
			t.Fatalf("frame of %d bytes, want %d", len(got), want)
		}
	}
	if c := w.port.Counters(); c.Tx != 3 || c.TxOversize != 1 || c.TxErrors != 1 {
		t.Fatalf("counters %+v, want 3 transmitted, 1 too long, 1 refused", c)
	}
}

func TestPort_AllocatesNothing(t *testing.T) {
	w := newWire(t, 0, 0)
	var b packet.Batch
	frame := testFrame(1, 1000)
	wait := []unix.PollFd{{Fd: int32(w.port.Fd()), Events: unix.POLLIN}}
	sent, marked := 0, 0
	allocs := testing.AllocsPerRun(50, func() {
		for range 10 {
			unix.Write(w.far, frame)
		}
		sent += 10
		for tries := 0; tries < 1000 && marked < sent; tries++ {
			unix.Poll(wait, 20)
			w.port.Recv(&b)
			for i := range b.Frames[:b.N] {
				if isTest(b.Frames[i].Bytes()) {
					b.Frames[i].Verdict = packet.Tx
					marked++
				}
			}
			w.port.Flush(&b)
		}
	})
	if c := w.port.Counters(); allocs != 0 || c.Tx != 510 {
		t.Fatalf("%v allocations, %d frames transmitted, want 0 and 510", allocs, c.Tx)
	}
}

func TestPort_CountsWhatTheKernelDrops(t *testing.T) {
	w := newWire(t, 0, 0)
	frame := testFrame(1, 1500)
	for range 8 << 20 / 1500 { // more than the ring holds
		w.sendFar(frame)
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

// openFiles counts what the process has open of packet sockets, mapped or not.
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
	requireRoot(t)
	h := newHost(t)
	h.do(func() error {
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
