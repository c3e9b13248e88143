package replay_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"director/packet"
	"director/replay"
	"director/replay/pcap"
)

// begin is when all cases begin, in nanoseconds since 1970.
const begin = 1_700_000_000_000_000_000

// at returns the instant of a time stamp.
func at(stamp, begin int64) time.Duration { return time.Duration(stamp - begin) }

// scenario is one case: what goes in and what is to come out.
type scenario struct {
	network
	flags         strings.Builder
	in, out, host []*frame
	summary       replay.Summary
}

// readCase reads a case and, before it, the network that all cases share.
func readCase(t *testing.T, name string) *scenario {
	t.Helper()
	s := &scenario{summary: replay.Summary{
		Interfaces: map[string]*replay.Interface{}, Drops: map[string]uint64{},
	}}
	for _, name := range []string{"testdata/network.txt", name} {
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
	case word == "station":
		return s.station(strings.Fields(rest))
	case word == "in":
		return s.arrive(rest)
	case len(s.in) == 0:
		return fmt.Errorf("%q before the first in", word)
	}
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
		return fmt.Errorf("%q: want in, out, host, drop or skip", word)
	}
	return nil
}

func (s *scenario) station(words []string) error {
	if len(words) != 2 && len(words) != 4 {
		return errors.New("want station NAME MAC [INTERFACE PREFIX]")
	}
	mac, err := s.address(words[1])
	if err != nil {
		return err
	}
	st := station{name: words[0], mac: mac}
	if len(words) == 4 {
		st.iface = words[2]
		if st.prefix, err = netip.ParsePrefix(words[3]); err != nil {
			return err
		}
	} else {
		s.on(st.name) // a link, which is counted whether it sees frames or not
	}
	s.stations = append(s.stations, st)
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

func (s *scenario) on(iface string) *replay.Interface {
	if s.summary.Interfaces[iface] == nil {
		s.summary.Interfaces[iface] = &replay.Interface{}
	}
	return s.summary.Interfaces[iface]
}

// capture writes frames as pcapng.
func capture(t *testing.T, frames []*frame) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcap.NewWriter(&b, "test")
	for _, f := range frames {
		data := f.bytes()
		w.Write(&pcap.Frame{Interface: f.iface, Time: begin + int64(f.at), Data: data, Length: len(data)})
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// print prints the frames of a capture, a line each.
func (s *scenario) print(t *testing.T, capture []byte) (lines []string) {
	t.Helper()
	r, err := pcap.NewReader(bytes.NewReader(capture))
	if err != nil {
		t.Fatal(err)
	}
	for f, err := r.Next(); err == nil; f, err = r.Next() {
		lines = append(lines, s.network.print(decode(&f, begin)))
	}
	return lines
}

// TestFrame_PrintsWhatItReads holds the two halves of the language together.
func TestFrame_PrintsWhatItReads(t *testing.T) {
	n := &network{stations: []station{
		{name: "rs1", iface: "eth1", mac: packet.MAC{2, 0, 0, 0, 1, 1}, prefix: netip.MustParsePrefix("10.0.0.11/32")},
		{name: "eth1", mac: packet.MAC{2, 0, 0, 0, 0, 2}},
	}}
	for _, line := range []string{
		"0.000 eth1 10.0.0.11:80 > 198.51.100.7:4000 tcp SA ttl=64 tos=0x10 id=7 seq=1 ack=4294967295 win=1 len=100 df",
		"1.500 eth1 10.0.0.11:80 > 198.51.100.7:4000 udp ttl=1 len=3 nosum from=eth1 to=rs1",
		"1.500 eth1 10.0.0.11:80 > 198.51.100.7:4000 tcp - ttl=255 badsum to=02:00:00:00:00:77",
		"2.000 eth1 10.0.0.11 > 198.51.100.7 icmp 8/0 ttl=64 len=8",
		"2.000 eth1 10.0.0.1 > 10.0.0.11 ipip ttl=63 tos=0x2a df | 198.51.100.7:4000 > 192.0.2.10:80 tcp S ttl=63 tos=0x2a df",
		"2.000 eth1 10.0.0.11 > 10.0.0.1 arp",
		"2.000 eth1 0011223344556677889900aabbcc",
	} {
		f, err := n.parseFrame(line, 0)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		c := pcap.Frame{Interface: f.iface, Time: begin + int64(f.at), Data: f.bytes()}
		if got := n.print(decode(&c, begin)); got != line {
			t.Errorf("printed\n%s, want\n%s", got, line)
		}
	}
}
