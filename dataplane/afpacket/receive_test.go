package afpacket_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"

	"director/dataplane/afpacket"
	"director/internal/packettest"
	"director/packet"
)

// receiveAll passes one block of frames to the port and returns copies of the
// received frames.
func receiveAll(t *testing.T, frames ...fakeFrame) ([][]byte, afpacket.Counters) {
	t.Helper()
	k := newFakeKernel(2, afpacket.BlockSize)
	r := afpacket.NewReceiver(k.mem, k.size)
	k.fill(frames...)
	var got [][]byte
	drain(r, func(f *packet.Frame) {
		if f.Off < packet.Headroom {
			t.Fatalf("frame %d has %d bytes of headroom, want %d", len(got), f.Off, packet.Headroom)
		}
		got = append(got, bytes.Clone(f.Bytes()))
	})
	if !k.owns(0) {
		t.Fatal("block not returned to the kernel")
	}
	return got, r.Counters()
}

func TestReceive_HeadroomIsTheFramesOwn(t *testing.T) {
	k := newFakeKernel(2, 64<<10)
	r := afpacket.NewReceiver(k.mem, k.size)
	var frames []fakeFrame
	for i := range uint32(20) {
		frames = append(frames, fakeFrame{data: numbered(i, 61)})
	}
	k.fill(frames...)
	var b packet.Batch
	r.Recv(&b)
	for i := range b.Frames[:b.N] {
		f := &b.Frames[i]
		if !f.Push(packet.Headroom) {
			t.Fatalf("frame %d: no room for %d bytes", i, packet.Headroom)
		}
		for j := range f.Bytes()[:packet.Headroom] {
			f.Bytes()[j] = 0xee
		}
	}
	for i := range b.Frames[:b.N] {
		if got := b.Frames[i].Bytes()[packet.Headroom:]; !bytes.Equal(got, frames[i].data) {
			t.Fatalf("frame %d was overwritten:\n% x\nwant\n% x", i, got, frames[i].data)
		}
	}
	r.Flush(&b)
}

func TestReceive_PutsTheVLANTagBack(t *testing.T) {
	plain := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), udp(), payload(100))
	partial := bytes.Clone(plain)
	want := packettest.Serialize(eth(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 42, Priority: 5, Type: layers.EthernetTypeIPv4},
		ip4(layers.IPProtocolUDP), udp(), payload(100))
	binary.BigEndian.PutUint16(partial[40:], pseudoSum(plain[26:34], packet.ProtoUDP, 108))

	got, _ := receiveAll(t,
		fakeFrame{data: plain, tpid: 0x8100, tci: 5<<13 | 42},
		fakeFrame{data: partial, tpid: 0x8100, tci: 5<<13 | 42, needsCsum: true, start: 34, offset: 6})
	if diff := cmp.Diff([][]byte{want, want}, got); diff != "" {
		t.Fatalf("frames (-want +got):\n%s", diff)
	}
}

// The kernel describes the CRC of SCTP like a checksum of two bytes.
func TestReceive_CompletesTheChecksumOfSCTP(t *testing.T) {
	want := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolSCTP),
		&layers.SCTP{SrcPort: 2905, DstPort: 2906, VerificationTag: 7}, payload(21))
	got, c := receiveAll(t, fakeFrame{data: packettest.Partial(want), needsCsum: true, start: 34, offset: 8})
	if diff := cmp.Diff([][]byte{want}, got); diff != "" || c.RxChecksums != 1 {
		t.Errorf("%d checksums completed, frames (-want +got):\n%s", c.RxChecksums, diff)
	}
}

func TestReceive_TagsEverySegmentOfATaggedSuperPacket(t *testing.T) {
	data := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp(), payload(3000))
	got, c := receiveAll(t, fakeFrame{data: data, tpid: 0x88a8, tci: 7, gso: afpacket.GSOTCP4, size: 1000, needsCsum: true})
	if len(got) != 3 || c.RxSuper != 1 || c.RxSegments != 3 {
		t.Fatalf("got %d frames of %d super-packets and %d segments, want 3 of 1 and 3", len(got), c.RxSuper, c.RxSegments)
	}
	for i, f := range got {
		if tpid, tci := binary.BigEndian.Uint16(f[12:]), binary.BigEndian.Uint16(f[14:]); tpid != 0x88a8 || tci != 7 {
			t.Fatalf("segment %d has tag %#x %d, want 0x88a8 7", i, tpid, tci)
		}
		if p := f[4+14+20+32:]; !bytes.Equal(p, payload(3000)[i*1000:][:1000]) {
			t.Fatalf("segment %d has the wrong payload", i)
		}
	}
}

func TestReceive_CountsAndSkipsWhatItCannotLend(t *testing.T) {
	good := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), udp(), payload(100))
	arp := numbered(0, 3000)
	got, c := receiveAll(t,
		fakeFrame{data: good, snap: 60},
		fakeFrame{data: good[:13]},
		fakeFrame{data: numbered(0, packet.MaxFrame+1)},
		fakeFrame{data: arp, gso: afpacket.GSOTCP4, size: 1000},
		fakeFrame{data: good, gso: 3, size: 50},
		fakeFrame{data: good, gso: afpacket.GSOUDP, size: 0},
		fakeFrame{data: good, needsCsum: true, start: 34, offset: 200},
		fakeFrame{data: packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp(), payload(9000)), gso: afpacket.GSOTCP4, size: 4000},
		fakeFrame{data: good})
	if len(got) != 1 || !bytes.Equal(got[0], good) {
		t.Fatalf("got %d frames, want the last alone", len(got))
	}
	want := afpacket.Counters{Rx: 1, RxTruncated: 2, RxOversize: 2, RxUnsupported: 4}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Fatalf("counters (-want +got):\n%s", diff)
	}
}

func TestReceive_SuperPacketSpansBatches(t *testing.T) {
	k := newFakeKernel(2, afpacket.BlockSize)
	r := afpacket.NewReceiver(k.mem, k.size)
	data := payload(60000)
	frame := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp(), data)
	k.fill(fakeFrame{data: numbered(1, 60)}, fakeFrame{data: frame, gso: afpacket.GSOTCP4, size: 500, needsCsum: true}, fakeFrame{data: numbered(2, 60)})

	var b packet.Batch
	var joined []byte
	var sizes []int
	for {
		r.Recv(&b)
		if b.N == 0 {
			break
		}
		sizes = append(sizes, b.N)
		for i := range b.Frames[:b.N] {
			if f := &b.Frames[i]; f.Len > 60 {
				joined = append(joined, decode(t, f.Bytes()).TransportLayer().LayerPayload()...)
			}
		}
		if len(sizes) == 1 && k.owns(0) {
			t.Fatal("block returned to the kernel while a super-packet in it is pending")
		}
		r.Flush(&b)
	}
	if diff := cmp.Diff([]int{64, 58}, sizes); diff != "" {
		t.Fatalf("batches (-want +got):\n%s", diff)
	}
	if !bytes.Equal(joined, data) {
		t.Fatalf("payload of the segments differs: %d bytes, want %d", len(joined), len(data))
	}
	if !k.owns(0) {
		t.Fatal("block not returned to the kernel")
	}
}

func TestReceive_WaitsForChunks(t *testing.T) {
	k := newFakeKernel(2, afpacket.BlockSize)
	r := afpacket.NewReceiver(k.mem, k.size)
	var taken []*packet.Batch
	n := 0
	for full := false; !full; {
		b := new(packet.Batch)
		for !full && !b.Full() {
			if full = !r.Alloc(b); !full {
				n++
			}
		}
		taken = append(taken, b)
	}
	if n < 2*packet.BatchSize {
		t.Fatalf("%d chunks, want two batches at least", n)
	}
	frame := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp(), payload(3000))
	k.fill(fakeFrame{data: frame, gso: afpacket.GSOTCP4, size: 1000})
	var b packet.Batch
	if r.Recv(&b); b.N != 0 {
		t.Fatalf("got %d frames without a chunk to put them in, want none", b.N)
	}
	for _, t := range taken {
		r.Flush(t)
	}
	if r.Recv(&b); b.N != 3 {
		t.Fatalf("got %d frames, want 3", b.N)
	}
	r.Flush(&b)
}

func TestAlloc_FrameHasRoom(t *testing.T) {
	k := newFakeKernel(2, 8192)
	r := afpacket.NewReceiver(k.mem, k.size)
	var b packet.Batch
	for !b.Full() {
		if !r.Alloc(&b) {
			t.Fatalf("no chunk for frame %d", b.N)
		}
	}
	if r.Alloc(&b) {
		t.Fatal("a full batch took a frame")
	}
	for i := range b.Frames {
		f := &b.Frames[i]
		if f.Len != 0 || f.Off != packet.Headroom || len(f.Buf)-int(f.Off) < packet.MaxFrame {
			t.Fatalf("frame %d: length %d, offset %d, %d bytes of memory", i, f.Len, f.Off, len(f.Buf))
		}
		f.Len = packet.MaxFrame
		for j := range f.Bytes() {
			f.Bytes()[j] = byte(i)
		}
	}
	for i := range b.Frames {
		if f := b.Frames[i].Bytes(); f[0] != byte(i) || f[len(f)-1] != byte(i) {
			t.Fatalf("frame %d shares its memory", i)
		}
	}
	r.Flush(&b)
}

func TestReceive_AllocatesNothing(t *testing.T) {
	k := newFakeKernel(2, afpacket.BlockSize)
	r := afpacket.NewReceiver(k.mem, k.size)
	super := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp(), payload(30000))
	small := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), udp(), payload(100))
	frames := []fakeFrame{
		{data: super, gso: afpacket.GSOTCP4, size: 1448, needsCsum: true},
		{data: small, needsCsum: true, start: 34, offset: 6, tpid: 0x8100, tci: 1},
		{data: small},
	}
	var b packet.Batch
	got := 0
	allocs := testing.AllocsPerRun(100, func() {
		k.fill(frames...)
		for r.Recv(&b); b.N > 0; r.Recv(&b) {
			got += b.N
			r.Flush(&b)
		}
	})
	if allocs != 0 || got != 101*23 {
		t.Fatalf("%v allocations for %d frames, want 0 for %d", allocs, got, 101*23)
	}
}

// pseudoSum is the content of the checksum field of a packet whose checksum the NIC
// has to complete.
func pseudoSum(addrs []byte, proto, length uint16) uint16 {
	b := binary.BigEndian.AppendUint16(bytes.Clone(addrs), proto)
	return slowSum(binary.BigEndian.AppendUint16(b, length))
}
