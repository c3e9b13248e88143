package pcap_test

import (
	"bytes"
	"io"
	"testing"

	"director/inspect/pcap"
)

// observed is a capture with comments, directions and statistics.
func observed() []byte {
	var b bytes.Buffer
	w := pcap.NewSnapWriter(&b, "test", 96, "eth0", "eth1")
	for i, f := range frames() {
		f.Direction, f.Comment = pcap.Direction(i), []byte("why"[:i+1])
		w.Write(&f)
	}
	for i, name := range []string{"eth0", "eth1"} {
		n := uint64(i) + 1
		w.Statistics(&pcap.Statistics{Interface: name, Received: n << 40, Skipped: n, Accepted: 2 * n, Lost: 3 * n, Written: 4 * n})
	}
	if w.Flush() != nil || w.Written() != int64(b.Len()) {
		panic("a buffer takes everything")
	}
	return b.Bytes()
}

func TestReader_PassesOverWhatItDoesNotKnow(t *testing.T) {
	got, err := readAll(t, observed())
	if err != nil || len(got) != len(frames()) || string(got[1].Data) != "four" {
		t.Errorf("%d frames, %v", len(got), err)
	}
}

func TestCopy_KeepsBlocksWholeAndSumsUp(t *testing.T) {
	all := observed()
	var out bytes.Buffer
	sum, complete, err := pcap.Copy(&out, bytes.NewReader(all))
	if err != nil || !complete || !bytes.Equal(out.Bytes(), all) {
		t.Errorf("%d bytes of %d, complete %v, %v", out.Len(), len(all), complete, err)
	}
	if sum.Received != 3<<40 || sum.Skipped != 3 || sum.Accepted != 6 || sum.Lost != 9 || sum.Written != 12 {
		t.Errorf("sums %+v", sum)
	}
	for n := range all {
		out.Reset()
		_, complete, err := pcap.Copy(&out, bytes.NewReader(all[:n]))
		if err == nil && out.Len() != n || !bytes.HasPrefix(all, out.Bytes()) {
			t.Fatalf("cut at %d: %d bytes, %v", n, out.Len(), err)
		}
		if _, err := readAll(t, out.Bytes()); out.Len() > 0 && err != nil {
			t.Fatalf("cut at %d: what was copied ends in a block: %v", n, err)
		}
		if complete && n < len(all)/2 {
			t.Fatalf("cut at %d: said to be complete", n)
		}
	}
	if _, _, err := pcap.Copy(io.Discard, bytes.NewReader([]byte("no capture at all"))); err == nil {
		t.Error("copied what is no capture")
	}
}
