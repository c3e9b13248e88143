package replay_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control/config"
	"director/inspect/replay"
)

var caseFolder = flag.String("cases", "testdata/cases", "the folder of the cases to run")

// outcome is the output of a replay.
type outcome struct {
	out, host []byte
	script    string
	summary   *replay.Summary
	state     string // see replay.RunWay
}

// run replays a capture with the case's flags and script. flags come before the case's.
func (s *scenario) run(t *testing.T, flags string, in []byte) (outcome, error) {
	t.Helper()
	c, r, err := config.ParseReplay([]string{"--in=in", "--out=out", "--flagfile=-"}, strings.NewReader(flags+s.flags.String()))
	if err != nil {
		t.Fatal(err)
	}
	var out, host, script bytes.Buffer
	files := replay.Files{
		In: bytes.NewReader(in), Out: &out, HostOut: &host,
		Script: strings.NewReader(s.commands()), ScriptName: "script", ScriptOut: &script,
	}
	summary, state, err := replay.RunWay(c, r, files, s.way)
	return outcome{out.Bytes(), host.Bytes(), script.String(), summary, state}, err
}

// isCheck finds the numbers of the checks in a case's comment.
var isCheck = regexp.MustCompile(`§10 checks? ([0-9]+(?:, [0-9]+)*)`)

// cases returns the files of the cases. checks contains those that are checks of §10 of the
// IPVS sheet, by number. testdata/README.md says what the IPVS sheet is.
func cases(t *testing.T) (others []string, checks map[int][]string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(*caseFolder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", *caseFolder, err)
	}
	checks = map[int][]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte("\n# Source: ")) {
			t.Errorf("%s does not say where its expectations come from", file)
		}
		found := isCheck.FindSubmatch(text)
		if found == nil {
			others = append(others, file)
			continue
		}
		for _, n := range strings.Split(string(found[1]), ", ") {
			number, _ := strconv.Atoi(n)
			checks[number] = append(checks[number], file)
		}
	}
	return others, checks
}

func caseName(file string) string { return strings.TrimSuffix(filepath.Base(file), ".txt") }

// TestReplay_Checks runs the cases that are checks of §10 of the IPVS sheet, under their
// numbers.
func TestReplay_Checks(t *testing.T) {
	_, checks := cases(t)
	for n := 1; n <= 48; n++ {
		if len(checks[n]) == 0 && computed[n].write == nil && n != 40 && *caseFolder == "testdata/cases" {
			t.Errorf("no case is check %d", n) // 40 is of the sync daemon
		}
		if c, ok := computed[n]; ok {
			t.Run(fmt.Sprintf("%02d-%s", n, c.name), func(t *testing.T) {
				s := readCase(t)
				if err := c.write(s); err != nil {
					t.Fatal(err)
				}
				s.play(t)
			})
		}
		for _, file := range checks[n] {
			t.Run(fmt.Sprintf("%02d-%s", n, caseName(file)), func(t *testing.T) { readCase(t, file).play(t) })
		}
	}
}

// TestReplay_Cases runs all other cases.
func TestReplay_Cases(t *testing.T) {
	others, _ := cases(t)
	for _, file := range others {
		t.Run(caseName(file), func(t *testing.T) { readCase(t, file).play(t) })
	}
}

// crowd returns a case with many flows, some of them at the same instant.
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
		first, err := s.run(t, "", in)
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.run(t, "", in)
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

// Services that choose at random choose the same with the same seed, and differently with
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
		got, err := s.run(t, "", capture(t, s.in))
		if err != nil {
			t.Fatal(err)
		}
		return got.out
	}
	if first := draw("--seed=5"); !bytes.Equal(first, draw("--seed=5")) || bytes.Equal(first, draw("--seed=6")) {
		t.Error("want the same frames from the same seed and others from another")
	}
}

// Every received frame has one verdict, if the director originates no packet.
func TestReplay_CountsAddUp(t *testing.T) {
	s := crowd(t, "--conn-table-size=500")
	for _, line := range []string{
		"in 60 eth0 198.51.100.9:9 > 192.0.2.10:80 tcp R", // dropped
		"in 60 eth0 192.0.2.254 > 192.0.2.10 arp",         // for the kernel
		"in 60 eth0 192.0.2.254 > 192.0.2.10 icmp 8/0",
	} {
		if err := s.line(line); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.run(t, "", capture(t, s.in))
	if err != nil {
		t.Fatal(err)
	}
	v := got.summary.Verdicts
	rx := got.summary.Interfaces["eth0"].Rx + got.summary.Interfaces["eth1"].Rx
	if want := uint64(len(s.in)); rx != want || v.Tx != want-3 || v.Host != 2 || v.Drop != 1 {
		t.Errorf("%d frames, %d received, %+v, drops %v; want all but 3 sent", want, rx, v, got.summary.Drops)
	}
}

func TestSummary_IsStableJSON(t *testing.T) {
	s := readCase(t, "testdata/cases/ttl.txt")
	got, err := s.run(t, "", capture(t, s.in))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(got.summary)
	want := `{"interfaces":{"eth0":{"rx":2,"tx":1,"host":0},"eth1":{"rx":0,"tx":1,"host":0}},` +
		`"verdicts":{"tx":2,"host":0,"drop":1},"drops":{"ttl":1}}`
	if err != nil || string(b) != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, b, want)
	}
}
