package fragment_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"director/dataplane/fragment"
	"director/packet"
)

// step is a fragment that arrives after a delay.
type step struct {
	part
	wait int64 // nanoseconds since the step before
}

// model is the simplest implementation of a table: for each datagram it has a list of
// fragments and a flag for each byte that arrived.
type model map[modelKey]*pending

type modelKey struct {
	id    uint16
	reply bool
}

type pending struct {
	deadline int64
	parts    []part
	taken    [1 << 17]bool
}

// expire does what Table.Expire does.
func (m model) expire(now int64) (frames int) {
	for k, s := range m {
		if s.deadline <= now {
			frames += len(s.parts)
			delete(m, k)
		}
	}
	return frames
}

// add does what Table.Add does with unlimited memory. If the result is Complete, it
// returns the fragments in order of arrival.
func (m model) add(p part, now int64) (o fragment.Outcome, whole []part) {
	k := modelKey{p.id, p.reply}
	s := m[k]
	if s == nil {
		s = &pending{deadline: now + fragment.Timeout}
		m[k] = s
	}
	o.Result = s.judge(p)
	if o.Result == fragment.Duplicate {
		o.Dropped = 1
		return o, nil
	}
	s.parts = append(s.parts, p)
	for i := range p.data {
		s.taken[p.offset+i] = true
	}
	if o.Result == fragment.Waiting {
		o.Result = s.whole()
	}
	if o.Result == fragment.Waiting {
		return o, nil
	}
	delete(m, k)
	if o.Result == fragment.Complete {
		return o, s.parts
	}
	o.Dropped = len(s.parts)
	return o, nil
}

func (s *pending) judge(p part) fragment.Result {
	end := p.offset + len(p.data)
	if len(p.data) == 0 || p.more && len(p.data)%8 != 0 || end > 65535-20 {
		return fragment.Malformed
	}
	for _, q := range s.parts {
		if qEnd := q.offset + len(q.data); !p.more && qEnd > end || !q.more && end > qEnd || !p.more && !q.more && end != qEnd {
			return fragment.Malformed
		}
	}
	for _, q := range s.parts {
		if q.offset == p.offset && q.more == p.more && bytes.Equal(q.data, p.data) {
			return fragment.Duplicate
		}
	}
	for i := range p.data {
		if s.taken[p.offset+i] {
			return fragment.Overlap
		}
	}
	if len(s.parts) == fragment.MaxFragments {
		return fragment.NoRoom
	}
	return fragment.Waiting
}

func (s *pending) whole() fragment.Result {
	size, have := -1, 0
	for _, q := range s.parts {
		if have += len(q.data); !q.more {
			size = q.offset + len(q.data)
		}
	}
	if have != size {
		return fragment.Waiting
	}
	w, ok := joined(s.parts)
	if !ok || 20+len(w.options)+len(w.data) > 65535 {
		return fragment.Malformed
	}
	return fragment.Complete
}

// joined returns one packet from all parts. It returns false if their ECN fields
// contradict each other.
func joined(parts []part) (part, bool) {
	sorted := slices.Clone(parts)
	slices.SortFunc(sorted, func(a, b part) int { return a.offset - b.offset })
	w := sorted[0]
	w.data, w.more, w.df, w.pad = nil, false, false, 0
	var marks []uint8
	for _, p := range sorted {
		w.data = append(w.data, p.data...)
		marks = append(marks, p.tos&3)
		w.df = w.df || p.df && p.ipLen() == largest(parts)
	}
	slices.Sort(marks)
	marks = slices.Compact(marks)
	if marks[0] == 0 && len(marks) > 1 {
		return w, false
	}
	if marks[len(marks)-1] == 3 {
		w.tos |= 3
	}
	return w, true
}

func (p part) ipLen() int { return 20 + len(p.options) + len(p.data) }

func largest(parts []part) (n int) {
	for _, p := range parts {
		n = max(n, p.ipLen())
	}
	return n
}

// play passes the steps to a table and to the model and compares the results. The
// table must be empty before, and is empty after.
func play(t testing.TB, table *fragment.Table, d *fragment.Datagram, steps []step) (whole int) {
	t.Helper()
	m, now := model{}, int64(0)
	for i, s := range steps {
		now += s.wait
		if got, want := table.Expire(now), m.expire(now); got != want {
			t.Fatalf("step %d: %d frames expired, want %d", i, got, want)
		}
		f := s.frame()
		packet.Parse(f)
		got := table.Add(f, s.iface, now, d)
		clear(f.Buf)
		want, parts := m.add(s.part, now)
		if got != want {
			t.Fatalf("step %d, %v: %+v, want %+v", i, s.part, got, want)
		}
		if got.Result == fragment.Complete {
			whole++
			compare(t, d, parts)
		}
	}
	if got, want := table.Expire(now+fragment.Timeout), m.expire(now+fragment.Timeout); got != want {
		t.Fatalf("%d frames expired at the end, want %d", got, want)
	}
	return whole
}

// compare compares a complete datagram with its parts in order of arrival.
func compare(t testing.TB, d *fragment.Datagram, parts []part) {
	t.Helper()
	want, _ := joined(parts)
	if got, want := d.Frame.Bytes(), want.frame().Bytes(); !bytes.Equal(got, want) {
		t.Fatalf("datagram of %v\n%x\nwant\n%x", parts, got, want)
	}
	if int(d.Largest) != largest(parts) || d.Count() != len(parts) {
		t.Fatalf("%d frames, largest %d, want %d and %d", d.Count(), d.Largest, len(parts), largest(parts))
	}
	for i, p := range parts {
		if frame, iface := d.Original(i); !bytes.Equal(frame, p.frame().Bytes()) || iface != p.iface {
			t.Fatalf("frame %d of %v differs, or has interface %d", i, parts, iface)
		}
	}
}

// randomSteps cuts datagrams at random, damages some fragments and mixes them.
func randomSteps(r *rand.Rand) (steps []step) {
	type keyed struct {
		step
		at float64
	}
	var all []keyed
	for range 60 {
		id, reply, at := uint16(r.IntN(40)), r.IntN(2) == 0, r.Float64()*20
		data := make([]byte, 9+r.IntN(1+1<<(4+r.IntN(13)))%65490)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		most := min(1600, 8+len(data)/(1+r.IntN(8)))
		for from := 0; from < len(data); {
			n := min(len(data)-from, max(8, r.IntN(most)&^7))
			p := part{id: id, reply: reply, offset: from, data: data[from : from+n], more: from+n < len(data), iface: uint8(r.IntN(4))}
			if p.df = r.IntN(4) == 0; r.IntN(8) == 0 {
				p.options = make([]byte, 4*(1+r.IntN(10)))
			}
			if p.pad = r.IntN(50); p.pad > 20 {
				p.pad = 0
			}
			if p.tos = 2; r.IntN(40) == 0 {
				p.tos = uint8(r.IntN(4))
			}
			all = append(all, keyed{step{part: p}, at + r.Float64()})
			if r.IntN(60) == 0 {
				all = append(all, keyed{step{part: p}, at + r.Float64()})
			}
			if r.IntN(200) == 0 {
				p.offset = max(0, p.offset+8*(r.IntN(9)-4))
				p.more = r.IntN(4) > 0
				all = append(all, keyed{step{part: p}, at + r.Float64()})
			}
			from += n
		}
	}
	slices.SortFunc(all, func(a, b keyed) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
	for _, k := range all {
		if r.IntN(400) == 0 {
			continue // lost
		}
		if r.IntN(60) == 0 {
			k.wait = int64(r.IntN(16)) * second
		}
		steps = append(steps, k.step)
	}
	return steps
}

func TestTable_DoesWhatTheModelDoes(t *testing.T) {
	const rounds = 30
	table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
	whole := 0
	for i := range uint64(rounds) {
		r := rand.New(rand.NewPCG(i, 11))
		t.Logf("seed %d", i)
		whole += play(t, table, d, randomSteps(r))
	}
	if whole < 20*rounds {
		t.Errorf("%d datagrams were completed in %d rounds, which is too few for a useful test", whole, rounds)
	}
}

// FuzzAdd compares the table with the model for arbitrary fragments. Each five bytes
// of the script describe a fragment.
func FuzzAdd(f *testing.F) {
	f.Add([]byte{0, 0, 2, 1, 0, 0, 2, 1, 0, 0})
	f.Add([]byte{0, 2, 17, 0, 0, 0, 0, 16, 1, 0, 1, 0, 16, 1, 0, 0, 1, 8, 1, 0})
	f.Add([]byte{0, 0, 8, 0x11, 2, 0, 1, 8, 0x23, 1, 0, 2, 5, 2, 200})
	f.Add([]byte{4, 200, 255, 1, 0, 4, 255, 255, 0xf0, 30, 4, 255, 8, 1, 31})
	table, d := fragment.New(fragment.Memory, seed), fragment.NewDatagram()
	f.Fuzz(func(t *testing.T, script []byte) {
		var steps []step
		for ; len(script) >= 5 && len(steps) < 200; script = script[5:] {
			steps = append(steps, decodeStep([5]byte(script)))
		}
		play(t, table, d, steps)
	})
}

func decodeStep(b [5]byte) step {
	offset := int(b[1])
	if b[3]&0x04 != 0 {
		offset += 8191 - 255
	}
	data := bytes.Repeat([]byte{b[4] >> 7}, int(b[2]))
	return step{
		part: part{
			id: uint16(b[0] & 3), reply: b[0]&4 != 0, iface: b[0] >> 6, pad: int(b[0] >> 4 & 3),
			offset: 8 * offset, data: data, more: b[3]&1 != 0, df: b[3]&2 != 0,
			tos: b[3] >> 6, options: make([]byte, 4*(b[3]>>3&7)),
		},
		wait: int64(b[4]&0x7f) * second / 4,
	}
}
