package replay_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/inspect/pcap"
)

// whole makes the comparison show the complete lines that differ.
var whole = cmp.Comparer(func(a, b string) bool { return a == b })

// compare runs the case with additional flags before its own, and returns its output.
func (s *scenario) compare(t *testing.T, flags string) outcome {
	t.Helper()
	in := capture(t, s.in)
	got, err := s.run(t, flags, in)
	if err != nil {
		t.Fatalf("%s%v", flags, err)
	}
	named := names{}
	for _, stream := range []struct {
		name string
		want []*frame
		got  []byte
	}{{"out", s.out, got.out}, {"host", s.host, got.host}} {
		want, got := s.print(t, stream.want, stream.got, named)
		diff := cmp.Diff(want, got, whole)
		if diff == "" {
			continue
		}
		dir := t.ArtifactDir()
		for file, b := range map[string][]byte{
			"in": in, "want-" + stream.name: capture(t, stream.want), "got-" + stream.name: stream.got,
		} {
			if err := os.WriteFile(filepath.Join(dir, file+".pcapng"), b, 0o600); err != nil {
				t.Error(err)
			}
		}
		t.Errorf("%s%s frames (-want +got; go test -artifacts keeps the captures in %s):\n%s", flags, stream.name, dir, diff)
	}
	if diff := cmp.Diff(&s.summary, got.summary); diff != "" {
		t.Errorf("%ssummary (-want +got):\n%s", flags, diff)
	}
	if diff := cmp.Diff(lines(s.expected()), lines(got.script), whole); diff != "" {
		t.Errorf("%soutput of the script (-want +got):\n%s", flags, diff)
	}
	return got
}

// print prints the expected frames and those of a capture, one per line. Equal frames
// give equal lines.
func (s *scenario) print(t *testing.T, want []*frame, capture []byte, named names) (wanted, got []string) {
	t.Helper()
	r, err := pcap.NewReader(bytes.NewReader(capture))
	if err != nil {
		t.Fatal(err)
	}
	var read []*frame
	for f, err := r.Next(); err == nil; f, err = r.Next() {
		f.Data = bytes.Clone(f.Data) // the reader reuses it
		read = append(read, decode(&f, begin))
	}
	for i, w := range want {
		said := decode(w.captured(), begin)
		said.leaveOpen(w)
		if i < len(read) {
			read[i].unpadded = said.unpadded // the director does not handle padding
			if w.pkt != nil && read[i].pkt != nil {
				named.yield(w.pkt, read[i].pkt)
			}
		}
		wanted = append(wanted, s.network.print(said))
	}
	for _, f := range read {
		got = append(got, s.network.print(f))
	}
	return wanted, got
}

// expected returns the expected output of the script.
func (s *scenario) expected() string {
	var b strings.Builder
	for _, c := range s.script {
		b.WriteString("# " + c.String() + "\n" + c.output)
	}
	return b.String()
}

// lines splits the output of a command into lines. Trailing blanks become visible, in the
// notation of the cases.
func lines(s string) (list []string) {
	for line := range strings.Lines(s) {
		line = strings.TrimSuffix(line, "\n")
		text := strings.TrimRight(line, " ")
		list = append(list, text+strings.Repeat("·", len(line)-len(text)))
	}
	return list
}
