package pcap_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/inspect/pcap"
)

// readAll returns the frames of a capture.
func readAll(t *testing.T, b []byte) ([]pcap.Frame, error) {
	t.Helper()
	r, err := pcap.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	var all []pcap.Frame
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		f.Data = bytes.Clone(f.Data)
		all = append(all, f)
	}
}

func frames() []pcap.Frame {
	return []pcap.Frame{
		{Interface: "eth0", Time: 1_700_000_000_000_000_001, Data: []byte("one"), Length: 3},
		{Interface: "eth1", Time: 1_700_000_000_999_999_999, Data: []byte("four"), Length: 4},
		{Interface: "late", Time: 1_700_000_001_000_000_000, Data: []byte{}, Length: 1514},
	}
}

func written(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcap.NewWriter(&b, "test", "eth0", "eth1")
	for _, f := range frames() {
		w.Write(&f)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReader_ReadsWhatWriterWrote(t *testing.T) {
	got, err := readAll(t, written(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(frames(), got); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
}

// The bytes of draft-ietf-opsawg-pcapng §4.1 to §4.3, written by hand.
func TestWriter_FollowsTheFormat(t *testing.T) {
	var b bytes.Buffer
	w := pcap.NewWriter(&b, "abc")
	w.Write(&pcap.Frame{Interface: "e", Time: 1<<32 + 5, Data: []byte{1, 2, 3, 4, 5}, Length: 9})
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := []uint32{
		0x0a0d0d0a, 40, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 4 | 3<<16, 0x00636261, 0, 40,
		1, 40, 1, 0, 2 | 1<<16, 'e', 9 | 1<<16, 9, 0, 40,
		6, 40, 0, 1, 5, 5, 9, 0x04030201, 5, 40,
	}
	got := make([]uint32, b.Len()/4)
	for i := range got {
		got[i] = binary.LittleEndian.Uint32(b.Bytes()[4*i:])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

// words returns a file of 32-bit words in one byte order.
func words(order binary.AppendByteOrder, list ...uint32) (b []byte) {
	for _, w := range list {
		b = order.AppendUint32(b, w)
	}
	return b
}

func TestReader_ReadsClassicCaptures(t *testing.T) {
	for name, c := range map[string]struct {
		order binary.AppendByteOrder
		magic uint32
		want  int64
	}{
		"microseconds, little-endian": {binary.LittleEndian, 0xa1b2c3d4, 7_000_009_000},
		"nanoseconds, big-endian":     {binary.BigEndian, 0xa1b23c4d, 7_000_000_009},
	} {
		b := words(c.order, c.magic, 2|4<<16, 0, 0, 65535, 1, 7, 9, 4, 60)
		got, err := readAll(t, append(b, "data"...))
		want := []pcap.Frame{{Time: c.want, Data: []byte("data"), Length: 60}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, frames (-want +got):\n%s", name, err, diff)
		}
	}
}

// section returns a big-endian pcapng capture with one interface that has the given
// options.
func section(options ...uint32) []byte {
	big := binary.BigEndian
	b := words(big, 0x0a0d0d0a, 28, 0x1a2b3c4d, 1<<16, 0xffffffff, 0xffffffff, 28)
	length := uint32(20 + 4*len(options))
	b = append(b, words(big, 1, length, 1<<16, 0)...)
	b = append(b, words(big, options...)...)
	return append(b, words(big, length)...)
}

func TestReader_KnowsUnitsOfTime(t *testing.T) {
	big := binary.BigEndian
	name := uint32('e')<<24 | uint32('0')<<16
	for what, c := range map[string]struct {
		options []uint32
		stamp   uint64
		want    int64
	}{
		"microseconds by default": {[]uint32{2<<16 | 2, name}, 1_000_002, 1_000_002_000},
		"10^-3":                   {[]uint32{2<<16 | 2, name, 9<<16 | 1, 3 << 24}, 1_002, 1_002_000_000},
		"2^-10":                   {[]uint32{2<<16 | 2, name, 9<<16 | 1, 0x8a << 24}, 1024 + 512, 1_500_000_000},
		"an offset":               {[]uint32{2<<16 | 2, name, 14<<16 | 8, 0, 60}, 1, 60_000_001_000},
		"seconds":                 {[]uint32{2<<16 | 2, name, 9<<16 | 1, 0}, 3, 3_000_000_000},
	} {
		b := append(section(c.options...), words(big, 5, 12, 12)...) // statistics, to be skipped
		b = append(b, words(big, 6, 36, 0, uint32(c.stamp>>32), uint32(c.stamp), 4, 4, 0x01020304, 36)...)
		got, err := readAll(t, b)
		want := []pcap.Frame{{Interface: "e0", Time: c.want, Data: []byte{1, 2, 3, 4}, Length: 4}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, frames (-want +got):\n%s", what, err, diff)
		}
	}
}

func TestReader_SaysWhatIsWrong(t *testing.T) {
	big := binary.BigEndian
	name := []uint32{2<<16 | 2, uint32('e') << 24}
	whole := written(t)
	for want, b := range map[string][]byte{
		"too short to be a capture":      {1, 2},
		"neither a pcapng nor a pcap":    make([]byte, 24),
		"link type 101: want Ethernet":   words(big, 0xa1b2c3d4, 2<<16|4, 0, 0, 65535, 101),
		"ends in the middle of a record": whole[:len(whole)-5],
		"a block of 11 bytes":            append(section(name...), words(big, 6, 11, 0)...),
		"interface 1, which the capture": append(section(name...), words(big, 6, 32, 1, 0, 0, 0, 0, 32)...),
		"shorter than its contents":      append(section(name...), words(big, 6, 32, 0, 0, 0, 4, 4, 32)...),
		"has no name":                    append(section(), words(big, 6, 32, 0, 0, 0, 0, 0, 32)...),
		"a block of type 3":              append(section(name...), words(big, 3, 16, 0, 16)...),
		"unit of time is too small":      section(append(name, 9<<16|1, 99<<24)...),
		"a record of 4294967295 bytes":   words(big, 0xa1b2c3d4, 2<<16|4, 0, 0, 65535, 1, 0, 0, 0xffffffff, 0),
	} {
		if _, err := readAll(t, b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one about %q", err, want)
		}
	}
}

// full is a writer to a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWriter_RemembersItsFirstError(t *testing.T) {
	w := pcap.NewWriter(full{}, "test")
	for range 1000 {
		w.Write(&pcap.Frame{Interface: "eth0", Data: make([]byte, 1500)})
	}
	if err := w.Flush(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got error %v, want %v", err, io.ErrShortWrite)
	}
}

// FuzzReader reads arbitrary files: reading must end, and frames must lie within the
// file.
func FuzzReader(f *testing.F) {
	f.Add([]byte{})
	f.Add(section(2<<16|2, uint32('e')<<24))
	f.Add(words(binary.LittleEndian, 0xa1b2c3d4, 2|4<<16, 0, 0, 65535, 1, 7, 9, 0, 60))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _ := readAll(t, b)
		total := 0
		for _, frame := range got {
			total += len(frame.Data)
		}
		if total > len(b) {
			t.Errorf("%d bytes of frames in a file of %d", total, len(b))
		}
	})
}
