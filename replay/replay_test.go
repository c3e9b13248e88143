package replay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/config"
	"director/replay"
)

// outcome is what a replay wrote.
type outcome struct {
	out, host []byte
	summary   *replay.Summary
}

// run replays a capture with the flags of a flags file.
func run(t *testing.T, flags string, in []byte) (outcome, error) {
	t.Helper()
	c, r, err := config.ParseReplay([]string{"--in=in", "--out=out", "--flagfile=-"}, strings.NewReader(flags))
	if err != nil {
		t.Fatal(err)
	}
	var out, host bytes.Buffer
	s, err := replay.Run(c, r, replay.Files{In: bytes.NewReader(in), Out: &out, HostOut: &host})
	return outcome{out.Bytes(), host.Bytes(), s}, err
}

// TestReplay_Cases runs every case with one worker and with several, who must
// agree.
func TestReplay_Cases(t *testing.T) {
	names, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			if text, _ := os.ReadFile(name); !bytes.Contains(text, []byte("\n# Source: ")) {
				t.Errorf("%s does not say where its expectations come from", name)
			}
			s := readCase(t, name)
			for _, workers := range []string{"--workers=1\n", "--workers=3\n"} {
				s.compare(t, workers)
			}
		})
	}
}

// compare runs the case, flags before its own.
func (s *scenario) compare(t *testing.T, flags string) {
	t.Helper()
	in := capture(t, s.in)
	got, err := run(t, flags+s.flags.String(), in)
	if err != nil {
		t.Fatalf("%s%v", flags, err)
	}
	want := outcome{capture(t, s.out), capture(t, s.host), &s.summary}
	for _, stream := range []struct {
		name      string
		want, got []byte
	}{{"out", want.out, got.out}, {"host", want.host, got.host}} {
		diff := cmp.Diff(s.print(t, stream.want), s.print(t, stream.got))
		if diff == "" {
			continue
		}
		dir := t.ArtifactDir()
		for file, b := range map[string][]byte{"in": in, "want-" + stream.name: stream.want, "got-" + stream.name: stream.got} {
			if err := os.WriteFile(filepath.Join(dir, file+".pcapng"), b, 0o600); err != nil {
				t.Error(err)
			}
		}
		t.Errorf("%s%s frames (-want +got; go test -artifacts keeps the captures in %s):\n%s", flags, stream.name, dir, diff)
	}
	if diff := cmp.Diff(want.summary, got.summary); diff != "" {
		t.Errorf("%ssummary (-want +got):\n%s", flags, diff)
	}
}

// crowd is a case with many flows, some of them at one instant.
func crowd(t *testing.T, flags ...string) *scenario {
	t.Helper()
	s := readCase(t, "testdata/cases/nat-both-ways.txt")
	for i := range 3000 {
		text := fmt.Sprintf("in %d eth0 198.51.100.%d:%d > 192.0.2.10:80 tcp S", 10+i/100, i%250, 1000+i)
		if err := s.line(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range flags {
		fmt.Fprintln(&s.flags, f)
	}
	return s
}

func TestReplay_GivesTheSameBytes(t *testing.T) {
	for _, flags := range [][]string{{"--workers=1"}, {"--workers=3"}, {"--workers=2", "--conn-table-size=500"}} {
		s := crowd(t, flags...)
		in := capture(t, s.in)
		first, err := run(t, s.flags.String(), in)
		if err != nil {
			t.Fatal(err)
		}
		second, err := run(t, s.flags.String(), in)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.out, second.out) || !bytes.Equal(first.host, second.host) {
			t.Errorf("%v: two runs wrote different bytes", flags)
		}
		if diff := cmp.Diff(first.summary, second.summary); diff != "" {
			t.Errorf("%v: summaries of two runs:\n%s", flags, diff)
		}
	}
}

// Services that draw at random draw the same again, and something else from
// another seed.
func TestReplay_DrawsFromItsSeed(t *testing.T) {
	draw := func(flag string) []byte {
		s := crowd(t, flag, "-A -t 192.0.2.12:80 -s twos",
			"-a -t 192.0.2.12:80 -r 10.0.0.11 -g", "-a -t 192.0.2.12:80 -r 10.0.0.12 -g")
		for i := range 100 {
			if err := s.line(fmt.Sprintf("in 50 eth0 198.51.100.9:%d > 192.0.2.12:80 tcp S", 1000+i)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := run(t, s.flags.String(), capture(t, s.in))
		if err != nil {
			t.Fatal(err)
		}
		return got.out
	}
	if first := draw("--seed=5"); !bytes.Equal(first, draw("--seed=5")) || bytes.Equal(first, draw("--seed=6")) {
		t.Error("want the same frames from the same seed and others from another")
	}
}

// Every frame received has one verdict.
func TestReplay_CountsAddUp(t *testing.T) {
	s := crowd(t, "--conn-table-size=500")
	got, err := run(t, s.flags.String(), capture(t, s.in))
	if err != nil {
		t.Fatal(err)
	}
	v := got.summary.Verdicts
	rx := got.summary.Interfaces["eth0"].Rx + got.summary.Interfaces["eth1"].Rx
	if rx != uint64(len(s.in)) || v.Tx+v.Host+v.Drop != rx || v.Drop == 0 || v.Drop != got.summary.Drops["table-full"] {
		t.Errorf("%d frames, %d received, %+v, drops %v", len(s.in), rx, v, got.summary.Drops)
	}
}

func TestSummary_IsStableJSON(t *testing.T) {
	s := readCase(t, "testdata/cases/ttl.txt")
	got, err := run(t, s.flags.String(), capture(t, s.in))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(got.summary)
	want := `{"interfaces":{"eth0":{"rx":2,"tx":0,"host":0},"eth1":{"rx":0,"tx":1,"host":0}},` +
		`"verdicts":{"tx":1,"host":0,"drop":1},"drops":{"ttl":1}}`
	if err != nil || string(b) != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, b, want)
	}
}
