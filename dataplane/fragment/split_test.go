package fragment_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/gopacket/ip4defrag"
	"github.com/google/gopacket/layers"

	"director/dataplane/fragment"
	"director/internal/packettest"
	"director/packet"
)

// split collects the fragments of a frame.
func split(t testing.TB, frame []byte, limit int) (out [][]byte) {
	t.Helper()
	return splitTo(t, frame, limit, make([]byte, packet.EthLen+limit))
}

func splitTo(t testing.TB, frame []byte, limit int, buf []byte) (out [][]byte) {
	t.Helper()
	s, ok := fragment.Split(frame, limit)
	if !ok {
		t.Fatalf("refused to cut %d bytes to %d", len(frame), limit)
	}
	for n := s.Next(buf); n > 0; n = s.Next(buf) {
		out = append(out, bytes.Clone(buf[:n]))
	}
	return out
}

func lengths(t testing.TB, frames [][]byte) (ip []int) {
	t.Helper()
	for _, f := range frames {
		ip = append(ip, int(decode(t, f).Length))
	}
	return ip
}

func TestSplit_CutsAsTheKernelDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name  string
		ipLen int
		limit int
		want  []int
	}{
		{"a tunnelled packet of 1500 bytes", 1520, 1500, []int{1500, 40}},
		{"1480 bytes over a link of 1400", 1480, 1400, []int{1396, 104}},
		{"2008 bytes that came in pieces of 820", 2028, 820, []int{820, 820, 428}},
		{"limit that is no multiple of 8", 1000, 525, []int{524, 496}},
		{"odd limit, odd end", 543 + 20, 295, []int{292, 291}},
		{"short enough", 500, 500, []int{500}},
		{"the least limit", 20 + 20, 28, []int{28, 28, 24}},
	} {
		whole := datagram(77, c.ipLen-packet.IPv4Len-packet.UDPLen, 0, r)[:packet.EthLen+c.ipLen]
		out := split(t, whole, c.limit)
		if got := lengths(t, out); !slices.Equal(got, c.want) {
			t.Errorf("%s: lengths %v, want %v", c.name, got, c.want)
		}
		for i, f := range out {
			if ip := decode(t, f); ip.Id != 77 || !bytes.Equal(f[:packet.EthLen], whole[:packet.EthLen]) {
				t.Errorf("%s: fragment %d has identification %d and Ethernet header %x", c.name, i, ip.Id, f[:packet.EthLen])
			}
		}
	}
}

func TestSplit_LeavesAShortPacketAsItIs(t *testing.T) {
	frame := part{id: 5, offset: 64, data: make([]byte, 100), df: true, more: true}.frame().Bytes()
	if out := split(t, frame, 1500); len(out) != 1 || !bytes.Equal(out[0], frame) {
		t.Errorf("%x\nwant %x", out, frame)
	}
}

func TestSplit_CutsAFragmentFurther(t *testing.T) {
	for _, more := range []bool{true, false} {
		data := []byte("0123456789abcdef0123456789ABCDEF....")[:32]
		out := split(t, part{id: 5, offset: 64, data: data, more: more, df: true}.frame().Bytes(), 36)
		if len(out) != 2 {
			t.Fatalf("%d fragments, want 2", len(out))
		}
		for i, f := range out {
			ip := decode(t, f)
			wantMore := more || i == 0
			if int(ip.FragOffset) != 8+2*i || (ip.Flags&layers.IPv4MoreFragments != 0) != wantMore || ip.Flags&layers.IPv4DontFragment == 0 {
				t.Errorf("MF %v: fragment %d at %d, flags %v", more, i, ip.FragOffset, ip.Flags)
			}
			if !bytes.Equal(ip.Payload, data[16*i:16*i+16]) {
				t.Errorf("fragment %d carries %q", i, ip.Payload)
			}
		}
	}
}

func TestSplit_FitsTheBuffer(t *testing.T) {
	frame := datagram(1, 3000, 0, rand.New(rand.NewPCG(1, 2)))
	out := splitTo(t, frame, 9000, make([]byte, packet.EthLen+1500))
	if got, want := lengths(t, out), []int{1500, 1500, 68}; !slices.Equal(got, want) {
		t.Errorf("lengths %v, want %v", got, want)
	}
}

// An option with the copy bit is in every fragment; others are in the first only (RFC
// 791 §3.1). Invalid options are not changed.
func TestSplit_CopiesTheOptionsThatAreMarked(t *testing.T) {
	for _, c := range []struct{ name, options, later string }{
		{"route record before a router alert", "\x07\x07\x04\x01\x02\x03\x04\x01\x94\x04\x00\x00", "\x01\x01\x01\x01\x01\x01\x01\x01\x94\x04\x00\x00"},
		{"time stamp after a no-operation", "\x01\x44\x04\x05\x00\x82\x03\x10", "\x01\x01\x01\x01\x01\x82\x03\x10"},
		{"end of the list", "\x94\x04\x00\x00\x00\x07\x03\x01", "\x94\x04\x00\x00\x00\x07\x03\x01"},
		{"too long for the header", "\x07\x03\x01\x07\x06\x01\x02\x03", "\x01\x01\x01\x07\x06\x01\x02\x03"},
		{"too short for an option", "\x07\x01\x04\x01", "\x07\x01\x04\x01"},
		{"cut off after its type", "\x01\x01\x01\x07", "\x01\x01\x01\x07"},
	} {
		out := split(t, part{id: 1, data: make([]byte, 64), options: []byte(c.options)}.frame().Bytes(), 20+len(c.options)+24)
		for i, f := range out {
			want := c.later
			if i == 0 {
				want = c.options
			}
			at := packet.EthLen + packet.IPv4Len
			if got := string(f[at : at+len(want)]); got != want {
				t.Errorf("%s: fragment %d has options %x, want %x", c.name, i, got, want)
			}
			if packet.Parse(&packet.Frame{Buf: f, Len: int32(len(f))}) != packet.Fragment {
				t.Errorf("%s: fragment %d does not parse as a fragment", c.name, i)
			}
		}
	}
}

func TestSplit_RefusesTheImpossible(t *testing.T) {
	good := datagram(1, 100, 4, rand.New(rand.NewPCG(1, 2)))
	change := func(at int, v ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[packet.EthLen+at:], v)
		return b
	}
	if _, ok := fragment.Split(good, 32); !ok {
		t.Fatal("refused a limit of the header and 8 bytes")
	}
	for name, c := range map[string]struct {
		frame []byte
		limit int
	}{
		"limit":              {good, 31},
		"negative limit":     {good, -1},
		"no frame":           {nil, 1500},
		"short frame":        {good[:packet.EthLen+packet.IPv4Len-1], 1500},
		"header too short":   {change(0, 0x44), 1500},
		"total below header": {change(2, 0, 23), 1500},
		"total beyond frame": {change(2, 0xff, 0), 1500},
		"beyond 65535":       {change(6, 0x1f, 0xff), 1500},
	} {
		if _, ok := fragment.Split(c.frame, c.limit); ok {
			t.Errorf("%s: not refused", name)
		}
	}
}

// Both gopacket and Table reassemble what Split cuts.
func TestSplit_IsUndoneByReassembly(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
	for i := range 200 {
		// gopacket refuses a fragment of less than 8 bytes, also as the last.
		n, limit := 8*(75+r.IntN(1000)), 100+r.IntN(1400)
		whole := datagram(uint16(i), n, 0, r)
		out := split(t, whole, limit)
		if len(out) > fragment.MaxFragments || len(out) == 1 {
			continue
		}
		r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })

		judge, judged := ip4defrag.NewIPv4Defragmenter(), (*layers.IPv4)(nil)
		last := fragment.Outcome{}
		for _, b := range out {
			var err error
			if judged, err = judge.DefragIPv4(decode(t, b)); err != nil {
				t.Fatal(err)
			}
			f := &packet.Frame{Buf: b, Len: int32(len(b))}
			packet.Parse(f)
			last = table.Add(f, 0, 0, d)
		}
		if judged == nil || !bytes.Equal(judged.Payload, decode(t, whole).Payload) {
			t.Fatalf("%d bytes cut to %d: gopacket does not reassemble them", n, limit)
		}
		if last.Result != fragment.Complete || !bytes.Equal(d.Frame.Bytes(), whole) {
			t.Fatalf("%d bytes cut to %d: %+v, or the reassembled frame differs", n, limit, last)
		}
		if longest := slices.Max(lengths(t, out)); int(d.Largest) != longest {
			t.Fatalf("largest %d, want %d", d.Largest, longest)
		}
		packettest.Decode(t, d.Frame.Bytes())
	}
}

func TestSplit_DoesNotAllocate(t *testing.T) {
	frame, buf := datagram(1, 9000, 8, rand.New(rand.NewPCG(1, 2))), make([]byte, 1514)
	if n := testing.AllocsPerRun(100, func() {
		s, _ := fragment.Split(frame, 1500)
		for n := s.Next(buf); n > 0; n = s.Next(buf) {
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// FuzzSplit checks for arbitrary packets that the fragments are within the limit,
// carry the data in order, and have the right headers.
func FuzzSplit(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	f.Add(datagram(1, 100, 0, r), 60)
	f.Add(datagram(1, 300, 12, r), 100)
	f.Add(part{offset: 800, data: make([]byte, 160), more: true, df: true, options: []byte{7, 3, 4, 0x82, 3, 0, 0, 0}}.frame().Bytes(), 77)
	f.Fuzz(func(t *testing.T, frame []byte, limit int) {
		before := bytes.Clone(frame)
		if _, ok := fragment.Split(frame, limit); !ok || limit > packet.MaxFrame {
			return
		}
		in := packet.IPv4(frame[packet.EthLen:])
		headerLen := in.HeaderLen()
		rest, offset := in[headerLen:in.TotalLen()], in.FlagsOffset()&packet.IPv4OffsetMask
		out := split(t, frame, limit)
		for i, b := range out {
			ip := packet.IPv4(b[packet.EthLen:])
			n := len(ip) - headerLen
			flags := in.FlagsOffset()&^packet.IPv4OffsetMask | offset
			if i < len(out)-1 {
				flags |= packet.IPv4MF
			}
			switch {
			case len(ip) > limit, int(ip.TotalLen()) != len(ip), ip.HeaderLen() != headerLen, !ip.ChecksumOK():
				t.Fatalf("fragment %d: %d bytes, header %x", i, len(ip), ip[:headerLen])
			case ip.FlagsOffset() != flags, i < len(out)-1 && n%8 != 0:
				t.Fatalf("fragment %d: flags and offset %#x, want %#x; %d bytes", i, ip.FlagsOffset(), flags, n)
			case !bytes.HasPrefix(rest, ip[headerLen:]):
				t.Fatalf("fragment %d carries the wrong %d bytes", i, n)
			case !bytes.Equal(ip[8:10], in[8:10]), !bytes.Equal(ip[12:20], in[12:20]), !bytes.Equal(ip[:2], in[:2]), !bytes.Equal(ip[4:6], in[4:6]):
				t.Fatalf("fragment %d: header %x, want the fields that do not concern fragments from %x", i, ip[:20], in[:20])
			}
			rest, offset = rest[n:], offset+uint16(n/8)
		}
		if len(rest) > 0 {
			t.Fatalf("%d bytes were lost", len(rest))
		}
		if !bytes.Equal(frame, before) {
			t.Fatal("the packet was changed")
		}
	})
}
