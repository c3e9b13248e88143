package replay_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/inspect/pcap"
	"director/inspect/replay"
	"director/internal/packettest"
)

// manyPackets is a number of packets of a client. After so many, hit.go of the data plane
// handles the next one.
const manyPackets = 15

// play runs a case with one worker and with several. Each of them runs it by the
// short way and by the long way, for connections that begin and for connections that
// have many packets. The results must all be those of the case.
func (s *scenario) play(t *testing.T) {
	defer func() { s.way = replay.Way{} }()
	for _, workers := range []string{"--workers=1\n", "--workers=3\n"} {
		for _, from := range []uint32{0, manyPackets} {
			var outcomes []outcome
			for _, long := range []bool{false, true} {
				s.way = replay.Way{Long: long, CountFrom: from}
				outcomes = append(outcomes, s.compare(t, workers))
				if t.Failed() {
					t.Fatalf("in the way %+v", s.way)
				}
			}
			alike(t, workers, outcomes[0], outcomes[1])
		}
	}
	s.repeat(t, "--workers=3\n")
}

// repeats is how often a frame arrives in TestReplay's captures of many packets. It
// takes any connection past manyPackets.
const repeats = manyPackets + 5

// repeat runs the case with each frame repeated, by the short way and the long way.
// The case does not hold the results, but both ways must give the same.
func (s *scenario) repeat(t *testing.T, flags string) {
	t.Helper()
	var frames []*frame
	for _, f := range s.in {
		for range repeats {
			frames = append(frames, f)
		}
	}
	in := capture(t, frames)
	var outcomes []outcome
	for _, long := range []bool{false, true} {
		s.way = replay.Way{Long: long}
		got, err := s.run(t, flags, in)
		if err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, got)
	}
	alike(t, flags, outcomes[0], outcomes[1])
}

// alike checks that the short way and the long way had the same outcome.
func alike(t *testing.T, flags string, short, long outcome) {
	t.Helper()
	for name, frames := range map[string][2][]byte{"out": {short.out, long.out}, "host": {short.host, long.host}} {
		if diff := cmp.Diff(dumped(t, frames[0]), dumped(t, frames[1]), whole); diff != "" {
			t.Errorf("%s%s frames (-short +long):\n%s", flags, name, diff)
		}
	}
	if diff := cmp.Diff(lines(short.script), lines(long.script), whole); diff != "" {
		t.Errorf("%soutput of the script (-short +long):\n%s", flags, diff)
	}
	if diff := cmp.Diff(lines(short.state), lines(long.state), whole); diff != "" {
		t.Errorf("%sstate (-short +long):\n%s", flags, diff)
	}
	if diff := cmp.Diff(short.summary, long.summary); diff != "" {
		t.Errorf("%ssummary (-short +long):\n%s", flags, diff)
	}
}

// dumped returns the frames of a capture, one per line. The last line is the number of
// different identifications of the packets in tunnels.
func dumped(t *testing.T, capture []byte) (frames []string) {
	t.Helper()
	r, err := pcap.NewReader(bytes.NewReader(capture))
	if err != nil {
		t.Fatal(err)
	}
	idents := map[uint16]bool{}
	for f, err := r.Next(); err == nil; f, err = r.Next() {
		data, ident := packettest.WithoutIdent(f.Data)
		frames = append(frames, fmt.Sprintf("%d %s %x", f.Time, f.Interface, data))
		idents[ident] = true
	}
	return append(frames, fmt.Sprintf("%d identifications", len(idents)))
}
