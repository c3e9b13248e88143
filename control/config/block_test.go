package config_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"director/control/config"
)

// moving is a resolver whose answers change.
type moving struct{ host, port int }

func (m *moving) Host(string) (netip.Addr, error) {
	return netip.AddrFrom4([4]byte{10, 9, 0, byte(m.host)}), nil
}

func (m *moving) Port(string, uint8) (uint16, error) { return uint16(m.port), nil }

// blockOf returns the lines of a service with some servers.
func blockOf(r *rand.Rand) []string {
	vip := fmt.Sprintf("192.0.2.%d:80", 1+r.IntN(20))
	lines := []string{"-A -t " + vip + " -s " + []string{"rr", "wlc", "mh"}[r.IntN(3)]}
	for i := range r.IntN(4) {
		lines = append(lines, fmt.Sprintf("-a -t %s -r 10.0.%d.%d:8080 -m -w %d", vip, i, 1+r.IntN(9), r.IntN(5)))
	}
	return lines
}

// oddLines are lines that are wrong, unusual, or concern other services.
var oddLines = []string{
	"", "   ", "# a comment", "\t# a comment", "--timeouts=900,120,300", "--drop-entry 1",
	"-E -t 192.0.2.1:80 -s lc", "-e -t 192.0.2.1:80 -r 10.0.0.1:8080 -m -w 3", "-d -t 192.0.2.1:80 -r 10.0.0.1:8080",
	"-a -t 192.0.2.1:80 -r 10.0.5.1:8080 -m", "-a -t 192.0.2.2:80 -r 10.0.5.2:8080 -m", " -a -t 192.0.2.3:80 -r 10.0.5.3:8080 -m",
	"-a -t 192.0.2.1:80 -r 192.0.2.2:80 -m", "-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g", "-A -t 10.0.0.1:80 -s rr", "-A -t 10.0.1.2:80 -s rr",
	"-a -t 192.0.2.1:80 -r host:8080 -m", "-A -t host:80 -s rr", "-A -t 192.0.2.30:web -s rr", "-A -t 10.9.0.1:80 -s rr",
	"-A -f 1 -s rr", "-a -f 1 -r 10.0.0.1 -g", "--add-service -t 192.0.2.31:80", "-At 192.0.2.32:80", "-A -t 192.0.2.33:80 -s none",
	"-a", "-A", "-a -t", "no flag", "-A -t 192.0.2.1:80 -s rr # again",
}

// mutate changes something in a file.
func mutate(r *rand.Rand, lines []string) []string {
	lines = slices.Clone(lines)
	at := r.IntN(len(lines))
	switch r.IntN(8) {
	case 0:
		return slices.Insert(lines, at, blockOf(r)...)
	case 1:
		return slices.Insert(lines, at, oddLines[r.IntN(len(oddLines))])
	case 2: // remove some lines
		return slices.Delete(lines, at, min(at+1+r.IntN(5), len(lines)))
	case 3: // move or duplicate some lines
		some := slices.Clone(lines[at:min(at+1+r.IntN(5), len(lines))])
		if r.IntN(2) == 0 {
			lines = slices.Delete(lines, at, at+len(some))
		}
		return slices.Insert(lines, r.IntN(len(lines)+1), some...)
	case 4:
		lines[at] = strings.Replace(lines[at], "-w ", "-w 1", 1)
	case 5:
		lines[at] = []string{" ", "\t", ""}[r.IntN(3)] + lines[at] + []string{"  ", " # why", "\r"}[r.IntN(3)]
	case 6:
		lines[at] = strings.ReplaceAll(lines[at], " ", "  ")
	case 7: // two blocks for one service
		lines[at] = strings.Replace(lines[at], "192.0.2.", "192.0.2.1", 1)
	}
	return lines
}

// What a Source reads again is what a parser reads that knows nothing, errors included. Files
// that are wrong alternate with files that are not.
func TestSource_ReadsLikeForTheFirstTime(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	right, wrong := 0, 0
	for range 100 {
		args := []string{"--interface=eth0", "--flagfile=-"}
		source, names := config.NewSource(args), &moving{1, 80}
		var lines []string
		for range 40 {
			if len(lines) == 0 {
				lines = []string{"--log-level=warn"}
				for range 5 {
					lines = append(lines, blockOf(r)...)
				}
			}
			names.host, names.port = 1+r.IntN(3), 80+r.IntN(3)
			text := strings.Join(lines, "\n")
			got, gotErr := source.ParseWith(strings.NewReader(text), names)
			want, wantErr := config.ParseWith(args, strings.NewReader(text), names)
			if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || !reflect.DeepEqual(got, want) {
				t.Fatalf("\n%s\nis read as %v, %+v\nwant %v, %+v", text, gotErr, got, wantErr, want)
			}
			lines = mutate(r, lines)
			if gotErr == nil {
				right++
				continue
			}
			wrong++
			if r.IntN(2) == 0 { // or else nothing would be right any more
				lines = nil
			}
		}
	}
	if right < 200 || wrong < 200 {
		t.Errorf("%d files were right and %d wrong, so little was compared", right, wrong)
	}
}

// A block that was read before is not read again. What may have another meaning is.
func TestSource_KeepsUnchangedBlocks(t *testing.T) {
	const text = `-A -t 192.0.2.1:80 -s rr
-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m
# a comment
-a -t 192.0.2.1:80 -r 10.0.0.2:80 -m

-A -t 192.0.2.2:80 -s rr
-a -t 192.0.2.2:80 -r 10.0.0.3:80 -m -w 1
-A -t 192.0.2.3:80 -s rr
-a -t 192.0.2.3:80 -r name:80 -m
-A -t 192.0.2.4:80 -s rr
-a -t 192.0.2.4:80 -r 10.0.0.4:80 -m
-A -t 192.0.2.5:80 -s rr
-a -t 192.0.2.4:80 -r 10.0.0.5:80 -m
-a -t 192.0.2.5:80 -r 10.0.0.6:80 -m
`
	source := config.NewSource([]string{"--interface=eth0", "--flagfile=-"})
	read := func(text string) *config.Config {
		c, err := source.ParseWith(strings.NewReader(text), &moving{7, 80})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := read(text)
	again := read("# one line more\n" + strings.Replace(text, "-w 1", "-w 2", 1))
	for i, kept := range []bool{
		true,
		false, // it has changed
		false, // it contains a name
		false, // another block adds a server to it
		false, // its block adds a server to another service
	} {
		if got := &again.Services[i].Servers[0] == &first.Services[i].Servers[0]; got != kept {
			t.Errorf("%s was kept: %t, want %t", first.Services[i].Name(), got, kept)
		}
	}
}

// Readable tries all flags files of the last time, also those that another one names.
func TestSource_SaysWhatCannotBeReadAgain(t *testing.T) {
	dir := t.TempDir()
	outer, inner := filepath.Join(dir, "outer"), filepath.Join(dir, "inner")
	for name, text := range map[string]string{outer: "--flagfile=" + inner + "\n", inner: "--interface=eth0\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := config.NewSource([]string{"--flagfile=" + outer, "--flagfile=-"})
	if _, err := s.Parse(strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	if err := s.Readable(); err != nil {
		t.Errorf("all can be read: %v", err)
	}
	for _, name := range []string{inner, outer} {
		if err := os.Rename(name, name+"2"); err != nil {
			t.Fatal(err)
		}
		if err := s.Readable(); err == nil || !strings.Contains(err.Error(), name+": no such file") {
			t.Errorf("without %s: %v", name, err)
		}
		if err := os.Rename(name+"2", name); err != nil {
			t.Fatal(err)
		}
	}
}
