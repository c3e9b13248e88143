package fragment_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"director/dataplane/fragment"
	"director/internal/packettest"
	"director/packet"
)

func TestTable_PutsADatagramTogetherInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
	for _, n := range []int{2000, 9000, 65507} {
		whole := datagram(7, n, 0, r)
		parts := cut(7, whole[packet.EthLen+packet.IPv4Len:], 800)
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		for i, p := range parts {
			o, want := add(t, table, d, 5, p), fragment.Outcome{}
			if i == len(parts)-1 {
				want.Result = fragment.Complete
			}
			if o != want {
				t.Fatalf("fragment %d of %d: %+v, want %+v", i, len(parts), o, want)
			}
		}
		if got := packettest.Decode(t, d.Frame.Bytes()); !bytes.Equal(got.Payload, whole[packet.EthLen+packet.IPv4Len+packet.UDPLen:]) {
			t.Errorf("a payload of %d bytes has the wrong content", n)
		}
		if r := packet.Parse(&d.Frame); r != packet.None || d.Frame.DstPort != 53 {
			t.Errorf("Parse = %v, port %d", r, d.Frame.DstPort)
		}
		if d.Largest != 820 || d.Frame.Off != packet.Headroom {
			t.Errorf("largest %d at %d, want 820 at %d", d.Largest, d.Frame.Off, packet.Headroom)
		}
	}
}

func TestTable_GivesTheFramesBackAsTheyCame(t *testing.T) {
	table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
	parts := []part{
		{id: 1, offset: 16, data: make([]byte, 5), iface: 3, pad: 21},
		{id: 1, offset: 0, data: make([]byte, 8), more: true, iface: 1, pad: 18, options: []byte{0x94, 4, 0, 0}},
		{id: 1, offset: 8, data: make([]byte, 8), more: true, iface: 2},
	}
	if o := add(t, table, d, 0, parts...); o.Result != fragment.Complete {
		t.Fatalf("%+v", o)
	}
	if d.Count() != len(parts) {
		t.Fatalf("%d frames, want %d", d.Count(), len(parts))
	}
	for i, p := range parts {
		frame, iface := d.Original(i)
		if want := p.frame().Bytes(); !bytes.Equal(frame, want) || iface != p.iface {
			t.Errorf("frame %d by interface %d: %x\nwant by %d: %x", i, iface, frame, p.iface, want)
		}
	}
	ip := decode(t, d.Frame.Bytes())
	if ip.IHL != 6 || ip.Length != 24+21 || ip.Options[0].OptionType != 0x94 {
		t.Errorf("header of %d words, %d bytes, options %v", ip.IHL, ip.Length, ip.Options)
	}
}

// ECN and DF are combined as in the kernel's ip_frag_ecn_table and ip_frag_reasm.
func TestTable_CombinesDFAndECN(t *testing.T) {
	const notECT, ect1, ect0, ce = 0x28, 0x29, 0x2a, 0x2b
	long, short := make([]byte, 16), make([]byte, 8)
	for _, c := range []struct {
		name string
		a, b part // the first fragment and the last
		df   bool
		tos  uint8
		drop bool
	}{
		{name: "nothing", a: part{tos: notECT}, b: part{tos: notECT}, tos: notECT},
		{name: "DF on the largest", a: part{tos: ect0, df: true, data: long}, b: part{tos: ect0}, df: true, tos: ect0},
		{name: "DF on a small one", a: part{tos: ect0, data: long}, b: part{tos: ect0, df: true}, tos: ect0},
		{name: "DF on one of equals", a: part{tos: ect1}, b: part{tos: ect1, df: true}, df: true, tos: ect1},
		{name: "CE with ECT0", a: part{tos: ect0}, b: part{tos: ce}, tos: ce},
		{name: "CE with ECT1", a: part{tos: ce}, b: part{tos: ect1}, tos: ce},
		{name: "CE only", a: part{tos: ce}, b: part{tos: ce}, tos: ce},
		{name: "ECT0 with ECT1", a: part{tos: ect0}, b: part{tos: ect1}, tos: ect0},
		{name: "CE with notECT", a: part{tos: ce}, b: part{tos: notECT}, drop: true},
		{name: "ECT0 with notECT", a: part{tos: ect0}, b: part{tos: notECT}, drop: true},
	} {
		table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
		c.a.more = true
		if c.a.data == nil {
			c.a.data = short
		}
		c.b.data, c.b.offset = short, len(c.a.data)
		want := fragment.Outcome{Result: fragment.Complete}
		if c.drop {
			want = fragment.Outcome{Result: fragment.Malformed, Dropped: 2}
		}
		if o := add(t, table, d, 0, c.b, c.a); o != want {
			t.Errorf("%s: %+v, want %+v", c.name, o, want)
		}
		if c.drop {
			continue
		}
		if ip := packet.IPv4(d.Frame.Bytes()[packet.EthLen:]); ip.DF() != c.df || ip.TOS() != c.tos {
			t.Errorf("%s: DF %v, TOS %#x, want %v, %#x", c.name, ip.DF(), ip.TOS(), c.df, c.tos)
		}
	}
}

func TestTable_RefusesWhatContradictsItself(t *testing.T) {
	data := make([]byte, 1504)
	first := part{data: data[:16], more: true}
	other := bytes.Repeat([]byte{1}, 16)
	for _, c := range []struct {
		name  string
		parts []part
		want  fragment.Outcome
	}{
		{"no data", []part{{offset: 8, more: true}}, fragment.Outcome{Result: fragment.Malformed, Dropped: 1}},
		{"odd length", []part{first, {offset: 16, data: data[:9], more: true}}, fragment.Outcome{Result: fragment.Malformed, Dropped: 2}},
		{"beyond 65535", []part{first, {offset: 65528, data: data[:1]}}, fragment.Outcome{Result: fragment.Malformed, Dropped: 2}},
		{"one byte beyond 65535", []part{{offset: 65512, data: data[:4]}}, fragment.Outcome{Result: fragment.Malformed, Dropped: 1}},
		{"data behind the end", []part{first, {offset: 24, data: data[:8]}, {offset: 32, data: data[:8], more: true}},
			fragment.Outcome{Result: fragment.Malformed, Dropped: 3}},
		{"an end before data", []part{{offset: 64, data: data[:8], more: true}, {offset: 16, data: data[:8]}},
			fragment.Outcome{Result: fragment.Malformed, Dropped: 2}},
		{"two ends", []part{{offset: 64, data: data[:8]}, {offset: 80, data: data[:8]}}, fragment.Outcome{Result: fragment.Malformed, Dropped: 2}},
		{"a copy", []part{first, first}, fragment.Outcome{Result: fragment.Duplicate, Dropped: 1}},
		{"other bytes in the same place", []part{first, {data: other, more: true}}, fragment.Outcome{Result: fragment.Overlap, Dropped: 2}},
		{"an overlap by one unit", []part{first, {offset: 8, data: data[:16], more: true}}, fragment.Outcome{Result: fragment.Overlap, Dropped: 2}},
		{"a longer frame than there can be", []part{first, {offset: 16, data: make([]byte, packet.MaxFrame&^7), more: true}},
			fragment.Outcome{Result: fragment.Malformed, Dropped: 2}},
	} {
		table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
		if o := add(t, table, d, 0, c.parts...); o != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, o, c.want)
		}
		want := 0
		if c.want.Result == fragment.Duplicate {
			want = 1
		}
		if n := table.Expire(fragment.Timeout); n != want {
			t.Errorf("%s: %d frames were left, want %d", c.name, n, want)
		}
	}
}

// The length of the first fragment's header decides whether the datagram is too long.
func TestTable_RefusesADatagramThatIsTooLongWithItsHeader(t *testing.T) {
	table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
	parts := cut(1, make([]byte, 65500), 1400)
	parts[0].options = make([]byte, 40)
	want := fragment.Outcome{Result: fragment.Malformed, Dropped: len(parts)}
	if o := add(t, table, d, 0, parts...); o != want {
		t.Errorf("%+v, want %+v", o, want)
	}
}

func TestTable_BoundsTheFragmentsOfADatagram(t *testing.T) {
	table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
	parts := cut(1, make([]byte, 8*(fragment.MaxFragments+1)), 8)
	if o := add(t, table, d, 0, parts[1:]...); o != (fragment.Outcome{}) {
		t.Fatalf("with %d: %+v", fragment.MaxFragments, o)
	}
	want := fragment.Outcome{Result: fragment.NoRoom, Dropped: fragment.MaxFragments + 1}
	if o := add(t, table, d, 0, parts[0]); o != want {
		t.Errorf("with one more: %+v, want %+v", o, want)
	}
	if o := add(t, table, d, 0, cut(1, make([]byte, 8*fragment.MaxFragments), 8)...); o.Result != fragment.Complete {
		t.Errorf("a datagram of %d: %+v", fragment.MaxFragments, o)
	}
}

func TestTable_ExpiresExactlyAtTheDeadline(t *testing.T) {
	table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
	parts := cut(1, make([]byte, 64), 16)
	add(t, table, d, 100, parts[0])
	add(t, table, d, 100+29*second, parts[1]) // does not extend the deadline
	if n := table.Expire(100 + fragment.Timeout - 1); n != 0 {
		t.Errorf("%d frames expired before the deadline", n)
	}
	if n := table.Expire(100 + fragment.Timeout); n != 2 {
		t.Errorf("%d frames expired at the deadline, want 2", n)
	}
	add(t, table, d, 0, parts[0])
	if o, want := add(t, table, d, fragment.Timeout, parts[1]), (fragment.Outcome{Expired: 1}); o != want {
		t.Errorf("a fragment at the deadline: %+v, want %+v", o, want)
	}
}

// The clocks of workers may differ by a tick. The list stays in order of arrival.
func TestTable_ExpiresInOrderThoughClocksDiffer(t *testing.T) {
	table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
	for id := range uint16(200) {
		add(t, table, d, 1000-int64(id%2), part{id: id, data: make([]byte, 8), more: true})
	}
	early := table.Expire(999 + fragment.Timeout)
	if late := table.Expire(1000 + fragment.Timeout); early+late != 200 || early > 100 {
		t.Errorf("%d frames expired early and %d late", early, late)
	}
}

func TestTable_TellsDatagramsApart(t *testing.T) {
	table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
	a := cut(1, bytes.Repeat([]byte{1}, 32), 16)
	b := cut(2, bytes.Repeat([]byte{2}, 32), 16)
	c := cut(1, bytes.Repeat([]byte{3}, 32), 16)
	c[0].reply, c[1].reply = true, true
	add(t, table, d, 0, a[0], b[0], c[0])
	for i, last := range []part{a[1], b[1], c[1]} {
		if o := add(t, table, d, 0, last); o.Result != fragment.Complete {
			t.Fatalf("%+v", o)
		}
		if got, want := decode(t, d.Frame.Bytes()).Payload, bytes.Repeat([]byte{byte(i + 1)}, 32); !bytes.Equal(got, want) {
			t.Errorf("payload %x, want %x", got, want)
		}
	}
}

// A flood of lone first fragments evicts the oldest datagrams. A datagram that is
// complete soon survives it, and one that waits long does not.
func TestTable_EvictsTheOldest(t *testing.T) {
	table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
	slow, quick := cut(1, make([]byte, 4000), 1400), cut(2, make([]byte, 4000), 1400)
	add(t, table, d, 0, slow[0])
	added, evicted := 1, 0
	flood := func(from, n int) {
		for i := range n {
			o := add(t, table, d, 0, part{id: uint16(from + i), data: make([]byte, 8), more: true})
			if added++; o.Result != fragment.Waiting {
				t.Fatalf("%+v", o)
			}
			evicted += o.Evicted
		}
	}
	flood(100, 20000)
	if evicted == 0 || added-evicted < 8000 {
		t.Errorf("%d of %d small frames had room, want at least 8000", added-evicted, added)
	}
	for i, p := range quick {
		o := add(t, table, d, 0, p)
		added++
		evicted += o.Evicted
		if whole := i == len(quick)-1; whole != (o.Result == fragment.Complete) {
			t.Errorf("fragment %d during the flood: %+v", i, o)
		}
		flood(30000+1000*i, 1000)
	}
	for _, p := range slow[1:] {
		o := add(t, table, d, 0, p)
		added++
		evicted += o.Evicted
		if o.Result != fragment.Waiting {
			t.Errorf("the slow datagram: %+v", o)
		}
	}
	if n := table.Expire(fragment.Timeout); n+evicted+len(quick) != added {
		t.Errorf("%d expired, %d evicted, %d left: want %d in all", n, evicted, len(quick), added)
	}
}

// Even the smallest table has room for any one datagram.
func TestTable_HasRoomForAnyDatagram(t *testing.T) {
	table, d := fragment.New(0, seed), fragment.NewDatagram()
	frame := packet.MaxFrame - packet.EthLen - packet.IPv4Len
	for id := range uint16(50) {
		var parts []part
		for i := range fragment.MaxFragments {
			parts = append(parts, part{id: id, offset: 8 * i, data: make([]byte, 8), more: i < fragment.MaxFragments-1, pad: frame - 8})
		}
		slices.Reverse(parts)
		if o := add(t, table, d, int64(id), parts...); o.Result != fragment.Complete {
			t.Fatalf("datagram %d: %+v", id, o)
		}
	}
}

func TestNew_KeepsToItsMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table := fragment.New(fragment.Memory, seed)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > fragment.Memory || got < fragment.Memory/2 {
		t.Errorf("New allocated %d bytes, want at most %d", got, fragment.Memory)
	}
	runtime.KeepAlive(table)
}

func TestTable_DoesNotAllocate(t *testing.T) {
	table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
	var frames []*packet.Frame
	for id := range uint16(500) {
		for _, p := range cut(id, make([]byte, 4000), 1400) {
			frames = append(frames, p.parsed(t))
		}
	}
	now := int64(0)
	if n := testing.AllocsPerRun(100, func() {
		for _, f := range frames {
			table.Add(f, 0, now, d)
		}
		now += fragment.Timeout
		table.Expire(now)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
