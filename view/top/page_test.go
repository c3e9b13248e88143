package top_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/packet"
	"director/view/top"
)

func same(t *testing.T, got, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), got); diff != "" {
		t.Errorf("-want +got:\n%s\n%s", diff, got)
	}
}

func TestScreen_ShowsServices(t *testing.T) {
	screen, _ := after(0, 2).Screen(80, 18)
	same(t, screen, `
director  2026-03-04 12:00:02  pid 4242  up 1d 02:00:02  every 2s  v1.2.3
table    12345 of 1048576 (1.2%)  connections begun 100/s, ended 80/s
frames/s in 3.80k  out 3.78k  to the kernel 6  dropped 20  lost in queues 29
workers  2  frames to a batch 38.0  load 25.0% 50.0%
drops    bad-source 20/s (40)  table-full 0/s (154)

                                                    CONN   PACKETS/S     BYTES/S
SERVICE, SERVERS                WEIGHT   ACT INACT    /S    IN   OUT    IN   OUT
TCP 192.0.2.10:80 wlc                   200k    28   100 1.50k 1.40k 60.0k 2.00M
 10.0.0.11:8080        nat over      1  200k     4    40 1.50k 1.40k 60.0k 2.00M
 10.0.0.12:8080        nat           2     7     4    60 1.50k 1.40k 60.0k 2.00M
 10.0.0.13:8080        nat drain     0     1    20     0     0     0     0     0
UDP 192.0.2.9:53 rr         none           0     0     0     0     -     0     -
 255.255.255.255:65535 tun drain     0     0     0     0     0     -     0     -
FWM 7 mh                    none           0     0     0     0     0     0     0


q quit  tab view  s servers  / filter  ? help  by order
`)
}

func TestScreen_ShowsServicesWithoutServers(t *testing.T) {
	m := after(0, 2)
	m.Keys("s", "n")
	screen, _ := m.Screen(60, 12)
	same(t, screen, `
director  2026-03-04 12:00:02  pid 4242  up 1d 02:00:02  ev~
table    12345 of 1048576 (1.2%)  connections begun 100/s, ~
frames/s in 3.80k  out 3.78k  to the kernel 6  dropped 20  ~
workers  2  frames to a batch 38.0  load 25.0% 50.0%
drops    bad-source 20/s (40)  table-full 0/s (154)

                                                    CONN   ~
SERVICE                         WEIGHT   ACT INACT    /S   ~
UDP 192.0.2.9:53 rr         none           0     0     0   ~
TCP 192.0.2.10:80 wlc                   200k    28   100 1.~
FWM 7 mh                    none           0     0     0   ~
q quit  tab view  s servers  / filter  ? help  by name
`)
}

func TestScreen_ShowsWorkersAndQueues(t *testing.T) {
	m := after(0, 2)
	m.Keys("tab")
	screen, _ := m.Screen(80, 20)
	same(t, screen[strings.Index(screen, "WORKER"):], `
WORKER CPU   LOAD  RX/S  TX/S  HOST  DROP  BATCH   1   2   4   8  16  32  64  %
0        2  25.0% 1.90k 1.89k     3    10   38.0  20   0   0  40   0   0  40
1        3  50.0% 1.90k 1.89k     3    10   38.0  20   0   0  40   0   0  40

INTERFACE       QUEUE WORKER I/O                         RX/S  TX/S LOST/S
eth0                0      0 AF_XDP native zero-copy    1.00k   900      0
eth1                0      0 AF_PACKET                    900   990     12
  lost  tx-full 12/s (24)  kernel 0/s (3)
eth0                1      1 AF_XDP native zero-copy    1.00k   900      0
eth1                1      1 AF_PACKET                    900   990     12
  lost  tx-full 12/s (24)  kernel 0/s (3)
eth1                -      - no worker: dropped 10          5            5

q quit  tab view  s servers  / filter  ? help
`)
}

// Plain lines are as wide as necessary, and contain every view.
func TestBlock_HoldsEverything(t *testing.T) {
	same(t, after(0, 2).Block(), `
director  2026-03-04 12:00:02  pid 4242  up 1d 02:00:02  every 2s  v1.2.3
table    12345 of 1048576 (1.2%)  connections begun 100/s, ended 80/s
frames/s in 3.80k  out 3.78k  to the kernel 6  dropped 20  lost in queues 29
workers  2  frames to a batch 38.0  load 25.0% 50.0%
drops    bad-source 20/s (40)  table-full 0/s (154)

                                                              CONN   PACKETS/S     BYTES/S
SERVICE, SERVERS                          WEIGHT   ACT INACT    /S    IN   OUT    IN   OUT
TCP 192.0.2.10:80 wlc                             200k    28   100 1.50k 1.40k 60.0k 2.00M
 10.0.0.11:8080            nat overloaded      1  200k     4    40 1.50k 1.40k 60.0k 2.00M
 10.0.0.12:8080            nat                 2     7     4    60 1.50k 1.40k 60.0k 2.00M
 10.0.0.13:8080            nat drained         0     1    20     0     0     0     0     0
UDP 192.0.2.9:53 rr              no server           0     0     0     0     -     0     -
 255.255.255.255:65535     tun drained         0     0     0     0     0     -     0     -
FWM 7 mh                         no server           0     0     0     0     0     0     0

WORKER CPU   LOAD  RX/S  TX/S  HOST  DROP  BATCH   1   2   4   8  16  32  64  %
0        2  25.0% 1.90k 1.89k     3    10   38.0  20   0   0  40   0   0  40
1        3  50.0% 1.90k 1.89k     3    10   38.0  20   0   0  40   0   0  40

INTERFACE       QUEUE WORKER I/O                         RX/S  TX/S LOST/S
eth0                0      0 AF_XDP native zero-copy    1.00k   900      0
eth1                0      0 AF_PACKET                    900   990     12
  lost  tx-full 12/s (24)  kernel 0/s (3)
eth0                1      1 AF_XDP native zero-copy    1.00k   900      0
eth1                1      1 AF_PACKET                    900   990     12
  lost  tx-full 12/s (24)  kernel 0/s (3)
eth1                -      - no worker: dropped 10          5            5

DROPPED, BY REASON                    /S   TOTAL
bad-source                            20      40
table-full                             0     154

LEFT TO THE KERNEL, BY REASON         /S   TOTAL
no-service                             6      12
not-ipv4                               0      14

`)
}

// Servers that cannot be reached, and those that differ from their peers, are marked. So is a
// service of which no server can be reached.
func TestBlock_MarksServersThatFail(t *testing.T) {
	f, all := farm(3)
	servers := all[0].Servers
	servers[0].Way, servers[0].Skipped = packet.Neighbor, true
	servers[1].Health.Suspect = true
	servers[2].Way = packet.LocalServer
	all[0].Health.Suspect = true
	m := top.NewModel(2 * time.Second)
	m.Answer(f, all, nil, f.At)
	got := m.Block()
	for _, want := range []string{"10.0.0.1:80 ", "dr  unreachable", "dr  suspect", "failing"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "unreachable"); n != 1 {
		t.Errorf("%d are unreachable, want 1:\n%s", n, got)
	}
	for i := range servers {
		servers[i].Way, servers[i].Skipped = packet.NoRoute, false
	}
	m.Answer(f, all, nil, f.At)
	if n := strings.Count(m.Block(), "unreachable"); n != 4 {
		t.Errorf("%d are unreachable, want the service and its servers:\n%s", n, m.Block())
	}
}

// Every mark by colour is also a mark by a word.
func TestScreen_MarksByTextAsWellAsByColour(t *testing.T) {
	m := after(0, 2)
	m.Screen(120, 40)
	words := []string{"drained", "overloaded", "no server", "bad-source 20/s", "lost in queues"}
	for _, l := range m.Alarms() {
		i := slices.IndexFunc(words, func(w string) bool { return strings.Contains(l, w) })
		if i < 0 {
			t.Errorf("marked by colour alone: %s", l)
			continue
		}
		if words[i] != "drained" && words[i] != "no server" { // there are two of these
			words = slices.Delete(words, i, i+1)
		}
	}
	if len(words) != 2 {
		t.Errorf("not marked by colour: %v", words)
	}
}

func TestScreen_FitsEverySize(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {200, 60}, {80, 9}, {80, 3}, {40, 10}, {9, 9}, {1, 1}, {0, 0}} {
		for _, keys := range [][]string{nil, {"tab"}, {"3"}, {"?"}, {"/", "x"}, {"end"}} {
			m := after(0, 2)
			m.Screen(size[0], size[1])
			m.Keys(keys...)
			screen, lines := m.Screen(size[0], size[1])
			if lines != size[1] {
				t.Errorf("%v, keys %q: %d lines", size, keys, lines)
			}
			for l := range strings.Lines(screen) {
				if len(l)-1 > size[0] {
					t.Errorf("%v, keys %q: %d columns: %s", size, keys, len(l)-1, l)
				}
			}
		}
	}
	if screen, lines := top.NewModel(time.Second).Screen(80, 24); lines != 24 || !strings.HasPrefix(screen, "director\n") {
		t.Errorf("before the first answer %d lines:\n%s", lines, screen)
	}
}

// firsts returns the first and the last server on the screen.
func firsts(m top.Model) (first, last string, n int) {
	screen, _ := m.Screen(80, 24)
	for l := range strings.Lines(screen) {
		if strings.HasPrefix(l, " 10.") {
			last = strings.Fields(l)[0]
			if n++; n == 1 {
				first = last
			}
		}
	}
	return first, last, n
}

func TestKeys_ScrollThroughAThousandServers(t *testing.T) {
	m := top.NewModel(time.Second)
	f, all := farm(1000)
	m.Answer(f, all, nil, begin)
	for _, step := range []struct{ keys, first, last string }{
		{"home", "10.0.0.1:80", "10.0.0.14:80"},
		{"down", "10.0.0.1:80", "10.0.0.15:80"},
		{"down", "10.0.0.2:80", "10.0.0.16:80"},
		{"up up", "10.0.0.1:80", "10.0.0.14:80"},
		{"pgdn", "10.0.0.15:80", "10.0.0.29:80"},
		{"pgup", "10.0.0.1:80", "10.0.0.14:80"},
		{"end", "10.0.3.236:80", "10.0.3.250:80"},
		{"down", "10.0.3.236:80", "10.0.3.250:80"},
		{"k", "10.0.3.235:80", "10.0.3.249:80"},
		{"a", "10.0.3.250:80", "10.0.3.237:80"},
		{"r", "10.0.0.1:80", "10.0.0.14:80"},
	} {
		m.Keys(strings.Fields(step.keys)...)
		if first, last, _ := firsts(m); first != step.first || last != step.last {
			t.Errorf("after %s: %s to %s, want %s to %s", step.keys, first, last, step.first, step.last)
		}
	}
	m.Keys("end")
	if screen, _ := m.Screen(80, 24); !strings.HasSuffix(screen, " 987-1001 of 1001\n") {
		t.Errorf("at the end:\n%s", screen)
	}
}

func TestKeys_SortByAnyColumn(t *testing.T) {
	for keys, want := range map[string]string{
		"o": "TCP 11 12 13 UDP FWM", "o r": "FWM UDP TCP 13 12 11", "n": "UDP TCP 11 12 13 FWM", "n r": "FWM TCP 13 12 11 UDP",
		"w": "TCP 12 11 13 UDP FWM", "a": "TCP 11 12 13 UDP FWM", "i": "TCP 13 11 12 UDP FWM", "i r": "UDP FWM TCP 11 12 13",
		"c": "TCP 12 11 13 UDP FWM", "c r": "UDP FWM TCP 13 11 12", "p": "TCP 11 12 13 UDP FWM", "B": "TCP 11 12 13 FWM UDP",
	} {
		m := after(0, 2)
		m.Keys(strings.Fields(keys)...)
		screen, _ := m.Screen(80, 24)
		var got []string
		for l := range strings.Lines(screen) {
			var n int
			if _, err := fmt.Sscanf(l, " 10.0.0.%d:", &n); err == nil {
				got = append(got, fmt.Sprint(n))
			} else if len(l) > 3 && slices.Contains([]string{"TCP", "UDP", "FWM"}, l[:3]) {
				got = append(got, l[:3])
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", keys, s, want)
		}
	}
}

func TestKeys_Filter(t *testing.T) {
	m := top.NewModel(time.Second)
	f, all := farm(1000)
	_, more := director(0)
	m.Answer(f, append(all, more...), nil, begin)
	m.Keys("/", "0", ".", "3", ".", "9", "x", "backspace")
	if screen, _ := m.Screen(80, 24); !strings.Contains(screen, "filter: 0.3.9_") {
		t.Errorf("while typing:\n%s", screen)
	}
	m.Keys("enter")
	if first, last, n := firsts(m); first != "10.0.3.9:80" || last != "10.0.3.99:80" || n != 11 {
		t.Errorf("%s to %s, %d of them, want those of 10.0.3.9 and 10.0.3.9x", first, last, n)
	}
	m.Keys("/", "O", "v", "e", "r", "l", "enter") // the long form of the word
	if first, last, n := firsts(m); first != "10.0.0.11:8080" || n != 1 {
		t.Errorf("%s to %s, %d of them, want the overloaded one", first, last, n)
	}
	m.Keys("esc", "o")
	if _, _, n := firsts(m); n != 14 {
		t.Errorf("%d servers on the screen, want it full again", n)
	}
}

func TestKeys_QuitUnlessTyping(t *testing.T) {
	m := after(0)
	if m.Keys("/", "q") {
		t.Error("a q in a filter quits")
	}
	if !m.Keys("ctrl-c") || !m.Keys("esc", "q") {
		t.Error("cannot quit")
	}
}
