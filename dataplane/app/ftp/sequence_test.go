package ftp_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"

	"director/dataplane/app/ftp"
	"director/internal/packettest"
)

// edited returns a Sequence after an edit of the line at 1000. The replaced text
// ended at 1020, and the line became 3 bytes longer. Earlier edits had made the
// stream 2 bytes longer.
func edited(pending bool) ftp.Sequence {
	s := ftp.Sequence{Start: 1000, End: 1020, Before: 2, After: 5, Pending: true}
	if !pending {
		s.Pending, s.Before = false, s.After
	}
	return s
}

func TestSequence_ShiftsTheSendersNumbers(t *testing.T) {
	for _, c := range []struct {
		s         ftp.Sequence
		seq, want uint32
	}{
		{ftp.Sequence{}, 1000, 1000},
		{edited(true), 900, 902},
		{edited(true), 1000, 1002},
		{edited(true), 1019, 1021},
		{edited(true), 1020, 1025},
		{edited(true), 1020 + 1<<30, 1025 + 1<<30},
		{edited(false), 1000, 1005},
		{edited(false), 1020 + 1<<31, 1025 + 1<<31}, // far after the edit, not before it
		{ftp.Sequence{Start: 0xfffffff0, End: 8, After: -4, Pending: true}, 0xfffffff0, 0xfffffff0},
		{ftp.Sequence{Start: 0xfffffff0, End: 8, After: -4, Pending: true}, 8, 4},
		{ftp.Sequence{Start: 0xffffffd0, End: 0xfffffff0, After: 20, Pending: true}, 0xfffffff0, 4},
	} {
		f := segment{fromServer: true, seq: c.seq, payload: "x"}.frame(t)
		c.s.ApplySeq(f.Transport())
		if got := packettest.Decode(t, f.Bytes()); got.TCP.Seq != c.want {
			t.Errorf("%+v: %d became %d, want %d", c.s, c.seq, got.TCP.Seq, c.want)
		}
	}
}

func TestSequence_ShiftsAcknowledgementsBack(t *testing.T) {
	shrunk := ftp.Sequence{Start: 1000, End: 1020, After: -6, Pending: true} // the line now ends at 1014
	for _, c := range []struct {
		s         ftp.Sequence
		ack, want uint32
		sack      []uint32
		wantSack  []uint32
	}{
		{ftp.Sequence{}, 1000, 1000, []uint32{1010, 1020}, []uint32{1010, 1020}},
		{edited(true), 902, 900, nil, nil},
		{edited(true), 1002, 1000, nil, nil},
		{edited(true), 1003, 1000, nil, nil}, // within the line: acknowledges nothing of it
		{edited(true), 1024, 1000, nil, nil},
		{edited(true), 1025, 1020, nil, nil},
		{edited(true), 1125, 1120, nil, nil},
		{edited(false), 1003, 998, nil, nil},
		{shrunk, 1013, 1000, nil, nil},
		{shrunk, 1014, 1020, nil, nil},
		{shrunk, 1000, 1000, []uint32{1014, 1044}, []uint32{1020, 1050}},

		{edited(true), 902, 900, []uint32{1025, 1030}, []uint32{1020, 1025}},
		{edited(true), 902, 900, []uint32{952, 1030}, []uint32{950, 1025}},
		{edited(true), 902, 900, []uint32{1010, 1030}, []uint32{1020, 1025}}, // begins within
		{edited(true), 902, 900, []uint32{952, 1010}, []uint32{950, 1000}},   // ends within
		{edited(true), 902, 900, []uint32{1005, 1010}, []uint32{1000, 1000}}, // acknowledges nothing
		{edited(true), 902, 900, []uint32{1025, 1030, 912, 922, 1105, 1205}, []uint32{1020, 1025, 910, 920, 1100, 1200}},
	} {
		for name, before := range map[string][]layers.TCPOption{"even": {nop, nop}, "odd": {nop}} {
			in := segment{ack: c.ack}
			if c.sack != nil {
				in.options = append(before, sack(c.sack...))
			}
			f := in.frame(t)
			s := c.s
			s.ApplyAck(f.Transport())
			got := packettest.Decode(t, f.Bytes())
			if got.TCP.Ack != c.want || !cmp.Equal(blocks(got), c.wantSack) {
				t.Errorf("%s %+v: ack %d %d became %d %d, want %d %d", name, c.s, c.ack, c.sack, got.TCP.Ack, blocks(got), c.want, c.wantSack)
			}
		}
	}
}

func TestSequence_SettlesWhenTheEditIsAcknowledged(t *testing.T) {
	s := edited(true)
	for _, c := range []struct {
		ack  uint32
		want ftp.Sequence
	}{
		{1002, edited(true)},
		{1024, edited(true)},
		{1025, edited(false)},
		{902, edited(false)},
	} {
		s.ApplyAck(segment{ack: c.ack}.frame(t).Transport())
		if s != c.want {
			t.Fatalf("after ack %d: %+v, want %+v", c.ack, s, c.want)
		}
	}
}

func TestSequence_RecordsOneEditAtATime(t *testing.T) {
	var s ftp.Sequence
	if !s.Record(1000, 1020, 3) || s.Record(2000, 2020, 1) {
		t.Fatal("Record must return true for the first edit and false for the second")
	}
	if want := (ftp.Sequence{Start: 1000, End: 1020, After: 3, Pending: true}); s != want {
		t.Fatalf("%+v, want %+v", s, want)
	}
	s.ApplyAck(segment{ack: 1023}.frame(t).Transport())
	if !s.Record(2000, 2020, -1) {
		t.Fatal("Record must return true for the second edit after the first is acknowledged")
	}
	if want := (ftp.Sequence{Start: 2000, End: 2020, Before: 3, After: 2, Pending: true}); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
}

func TestSequence_KnowsWhatCarriesTheEdit(t *testing.T) {
	s := edited(true)
	for _, c := range []struct {
		seq  uint32
		n    int
		want bool
	}{
		{900, 100, false}, {900, 101, true}, {1000, 1, true}, {1010, 5, true}, {1019, 500, true},
		{1020, 500, false}, {1010, 0, false},
	} {
		if got := s.Cuts(c.seq, c.n); got != c.want {
			t.Errorf("%d bytes from %d: %v, want %v", c.n, c.seq, got, c.want)
		}
	}
	s = edited(false)
	if s.Cuts(1000, 30) {
		t.Error("Cuts = true for an acknowledged edit")
	}
}

// A segment without ACK or with invalid options must not change the state.
func TestSequence_SurvivesOddHeaders(t *testing.T) {
	s := edited(true)
	f := segment{ack: 1125}.frame(t)
	f.Transport()[13] &^= 0x10 // no ACK
	before := string(f.Bytes())
	s.ApplyAck(f.Transport())
	if string(f.Bytes()) != before || !s.Pending {
		t.Error("a segment without ACK was taken for an acknowledgement")
	}
	for _, o := range [][]byte{
		{5}, {5, 0}, {5, 1, 1, 1}, {5, 200, 0, 0}, {5, 9, 0, 0, 4, 4, 0, 0, 4, 0}, {5, 2, 1, 1}, {0, 5, 10, 0},
		{0, 0, 5, 10, 0, 0, 4, 10, 0, 0, 4, 12}, {8, 10, 0, 0, 4, 10, 0, 0, 4, 12, 1, 1},
	} {
		options := make([]layers.TCPOption, (len(o)+3)/4*4)
		for i := range options {
			options[i] = nop
		}
		f := segment{ack: 902, options: options}.frame(t)
		copy(f.Transport()[20:], o)
		want := string(f.Transport()[20:])
		s.ApplyAck(f.Transport())
		if got := string(f.Transport()[20:]); got != want || f.Transport().Ack() != 900 {
			t.Errorf("options %v: became %v, ack %d", o, []byte(got), f.Transport().Ack())
		}
	}
}

func TestControl_IsAPlainValue(t *testing.T) {
	var plain func(t reflect.Type) bool
	plain = func(t reflect.Type) bool {
		if t.Kind() != reflect.Struct {
			return t.Kind() <= reflect.Uint64 && t.Kind() != reflect.Invalid
		}
		for i := range t.NumField() {
			if !plain(t.Field(i).Type) {
				return false
			}
		}
		return true
	}
	if !plain(reflect.TypeFor[ftp.Control]()) {
		t.Error("Control has pointers, but must fit a table without")
	}
}
