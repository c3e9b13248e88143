package replay_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"director/inspect/pcap"
	"director/inspect/replay"
)

// begin is the start of all cases, in seconds since 1970. The times of a case are relative
// to it.
const begin = 1_700_000_000

// at returns the instant of a time stamp.
func at(stamp, begin int64) time.Duration { return time.Duration(stamp - begin*int64(time.Second)) }

// scenario is one case: its input and the expected output.
type scenario struct {
	network
	flags         strings.Builder
	in, out, host []*frame
	script        []command
	summary       replay.Summary
	way           replay.Way
}

// command is a line of the script at an instant, and its expected output.
type command struct {
	line, output string
	at           time.Duration
}

// readCase reads the network that all cases share, and then a case's file.
func readCase(t *testing.T, names ...string) *scenario {
	t.Helper()
	s := &scenario{summary: replay.Summary{
		Interfaces: map[string]*replay.Interface{}, Drops: map[string]uint64{},
	}}
	for _, name := range append([]string{"testdata/network.txt"}, names...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for n := 1; lines.Scan(); n++ {
			if err := s.line(lines.Text()); err != nil {
				t.Fatalf("%s:%d: %v", name, n, err)
			}
		}
	}
	return s
}

func (s *scenario) line(text string) error {
	word, rest, _ := strings.Cut(text, " ")
	switch {
	case word == "" || word[0] == '#':
		return nil
	case word[0] == '-':
		fmt.Fprintln(&s.flags, text)
		return nil
	}
	switch word {
	case "station":
		st, err := s.station(strings.Fields(rest))
		if err == nil && st.iface == "" {
			s.on(st.name) // a link is counted even if it sees no frames
		}
		s.stations = append(s.stations, st)
		return err
	case "in":
		return s.arrive(rest)
	case "at":
		return s.command(rest)
	case ">":
		if len(s.script) == 0 {
			return errors.New("> before the first at")
		}
		s.script[len(s.script)-1].output += rest + "\n"
		return nil
	}
	if len(s.in) == 0 {
		return fmt.Errorf("%q before the first in", word)
	}
	return s.becomes(word, rest)
}

// becomes reads the expected result of the last frame.
func (s *scenario) becomes(word, rest string) error {
	last := s.in[len(s.in)-1]
	switch word {
	case "out":
		f, err := s.parseFrame(rest, last.at)
		if err != nil {
			return err
		}
		s.out = append(s.out, f)
		s.on(f.iface).Tx++
		s.summary.Verdicts.Tx++
	case "host":
		s.host = append(s.host, last)
		s.on(last.iface).Host++
		s.summary.Verdicts.Host++
	case "drop":
		s.summary.Drops[rest]++
		s.summary.Verdicts.Drop++
	case "skip":
		s.summary.Skipped++
		s.on(last.iface).Rx--
	default:
		return fmt.Errorf("%q: want in, out, host, drop, skip, at or >", word)
	}
	return nil
}

func (s *scenario) arrive(text string) error {
	var now time.Duration
	if len(s.in) > 0 {
		now = s.in[len(s.in)-1].at
	}
	f, err := s.parseFrame(text, now)
	if err != nil {
		return err
	}
	s.in = append(s.in, f)
	s.on(f.iface).Rx++
	return nil
}

func (s *scenario) command(text string) error {
	seconds, line, ok := strings.Cut(strings.TrimSpace(text), " ")
	when, err := strconv.ParseFloat(seconds, 64)
	if err != nil || !ok {
		return errors.New("want at SECONDS COMMAND")
	}
	s.script = append(s.script, command{line: strings.TrimSpace(line), at: instant(when)})
	return nil
}

// String returns the line in the form of the --script file.
func (c command) String() string {
	seconds := fmt.Sprintf("%d.%06d", begin+c.at/time.Second, c.at%time.Second/time.Microsecond)
	return strings.TrimSuffix(seconds, ".000000") + " " + c.line
}

// commands is the file of --script.
func (s *scenario) commands() string {
	var b strings.Builder
	for _, c := range s.script {
		b.WriteString(c.String() + "\n")
	}
	return b.String()
}

func (s *scenario) on(iface string) *replay.Interface {
	if s.summary.Interfaces[iface] == nil {
		s.summary.Interfaces[iface] = &replay.Interface{}
	}
	return s.summary.Interfaces[iface]
}

// captured returns the frame in the form of a capture.
func (f *frame) captured() *pcap.Frame {
	b := f.bytes()
	return &pcap.Frame{Interface: f.iface, Time: begin*int64(time.Second) + int64(f.at), Data: b, Length: len(b)}
}

// capture writes frames as pcapng.
func capture(t *testing.T, frames []*frame) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcap.NewWriter(&b, "test")
	for _, f := range frames {
		w.Write(f.captured())
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
