package afpacket_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"

	"director/dataplane"
	"director/dataplane/afpacket"
	"director/internal/nettest"
	"director/internal/packettest"
	"director/packet"
)

var _ dataplane.Port = (*afpacket.Port)(nil)

func TestPort_ReceivesAndTransmitsInPlace(t *testing.T) {
	w := newWire(t, 0, 0)
	const total = 500
	go func() {
		for i := range uint32(total) {
			w.client.TrySend(testFrame(i, 60+int(i)*2))
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
		got := w.client.Recv(isTest)
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
	w.client.Send(testFrame(1, 1494))
	w.client.Send(testFrame(2, 100))
	collect(t, w.port, 2, isTest, func(f *packet.Frame) packet.Verdict {
		if !f.Push(20) {
			t.Error("no room for 20 bytes")
		}
		copy(f.Bytes(), testFrame(7, 34))
		return packet.Tx
	})
	for _, want := range [][]byte{testFrame(1, 1494), testFrame(2, 100)} {
		got := w.client.Recv(isTest)
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
		if n := number(w.client.Recv(isTest)); n != i {
			t.Fatalf("frame %d, want %d", n, i)
		}
	}
}

func TestPort_DoesNotSeeWhatItSends(t *testing.T) {
	for name, group := range map[string]uint16{"alone": 0, "in a group": 77} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, 0, group)
			near := w.near.Socket(t)
			var b packet.Batch
			w.port.Alloc(&b)
			f := &b.Frames[0]
			f.Len = int32(copy(f.Buf[f.Off:], testFrame(1, 60)))
			f.Verdict = packet.Tx
			w.port.Flush(&b)
			near.Send(testFrame(2, 60))
			w.client.Recv(isTest)
			w.client.Recv(isTest)
			w.client.Send(testFrame(3, 60))
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
	w.client.Send(tagged)
	collect(t, w.port, 1, func(f []byte) bool { return bytes.Equal(f[6:12], macA) }, func(f *packet.Frame) packet.Verdict {
		if !bytes.Equal(f.Bytes(), tagged) {
			t.Errorf("received\n% x\nwant\n% x", f.Bytes(), tagged)
		}
		return packet.Drop
	})
}

func TestPort_FilterDecides(t *testing.T) {
	nettest.Root(t)
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Fatal(err)
	}
	filter, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SocketFilter, License: "GPL",
		Instructions: asm.Instructions{ // accepts frames with an odd number
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
				w.client.Send(testFrame(i, 60+int(i)))
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
		w.client.Send(packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), u, p))
	}
	seen := make(map[uint32]int)
	home := make(map[uint16]int) // the port of each flow
	share := make([]int, len(ports))
	nettest.Eventually(t, "every frame", func() bool {
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
						t.Errorf("both ports received flow %d", flow)
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
			t.Errorf("frame %d was received %d times, want once", n, times)
		}
	}
	if share[0] == 0 || share[1] == 0 {
		t.Errorf("the ports received %v frames, want some each", share)
	}
}

func TestPort_StaysReadableUntilTheLastSegment(t *testing.T) {
	w := newWire(t, 0, 0)
	if err := unix.SetsockoptInt(w.client.Fd(), unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		t.Fatal(err)
	}
	data := payload(100 * 500)
	frame := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp(), data)
	binary.BigEndian.PutUint16(frame[50:], pseudoSum(frame[26:34], packet.ProtoTCP, uint16(len(frame)-34)))
	hdr := make([]byte, 10) // struct virtio_net_hdr: TCP over IPv4, segments of 500 bytes
	hdr[0], hdr[1] = 1, afpacket.GSOTCP4
	for i, v := range []uint16{66, 500, 34, 16} {
		binary.NativeEndian.PutUint16(hdr[2+2*i:], v)
	}
	w.client.Send(append(hdr, frame...))

	var got []byte
	var b packet.Batch
	for end := time.Now().Add(20 * time.Second); len(got) < len(data); {
		if !readable(w.port.Fd(), 0) && len(got) > 0 {
			t.Fatalf("not readable with %d of %d bytes received", len(got), len(data))
		}
		if time.Now().After(end) {
			t.Fatalf("no frame received; %+v", w.port.Counters())
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

func TestPort_AllocatesNothing(t *testing.T) {
	w := newWire(t, 0, 0)
	var b packet.Batch
	frame := testFrame(1, 1000)
	wait := []unix.PollFd{{Fd: int32(w.port.Fd()), Events: unix.POLLIN}}
	sent, marked := 0, 0
	allocs := testing.AllocsPerRun(50, func() {
		for range 10 {
			w.client.TrySend(frame)
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
