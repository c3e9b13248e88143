package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"director/control"
	"director/control/config"
	"director/internal/memlab"
	"director/internal/packettest"
	"director/neigh"
	"director/packet"
	"director/service"
)

const twoServers = `
-A -t 192.0.2.10:80 -s rr
-a -t 192.0.2.10:80 -r 10.0.0.11 -m
-a -t 192.0.2.10:80 -r 10.0.0.12 -m
`

// silence lets a real server no longer answer ARP requests.
func (r *rig) silence(ip string) {
	a := netip.MustParseAddr(ip)
	s := &r.network.snapshot
	s.Neighbors = slices.DeleteFunc(slices.Clone(s.Neighbors), func(n neigh.Neighbor) bool { return n.IP == a })
	s.Silent = append(s.Silent, neigh.Silent{IP: a, Link: 2})
	r.control.Refresh()
}

// The flag decides whether unreachable servers are passed over, at the start and after a
// reload.
func TestSkipUnreachable_ByTheFlag(t *testing.T) {
	for _, off := range []string{"", "--skip-unreachable=false\n"} {
		r := newRig(t, off+twoServers)
		r.silence("10.0.0.12")
		down := r.control.Unreachable()
		if len(down) != 1 || down[0].Addr.String() != "10.0.0.12" || down[0].Reason != packet.Neighbor || down[0].Skipped != 1-strings.Count(off, "false") {
			t.Errorf("%q: %+v are unreachable", off, down)
		}
	}
	r := newRig(t, twoServers)
	r.silence("10.0.0.12")
	r.load = func() (*config.Config, error) { return parse(t, twoServers+"--skip-unreachable=false"), nil }
	close(r.begun)
	if err := r.Reload(t.Context(), control.Origin{Via: "test"}, false); err != nil {
		t.Fatal(err)
	}
	if down := r.control.Unreachable(); len(down) != 1 || down[0].Skipped != 0 {
		t.Errorf("after the reload: %+v, want the server unreachable and not skipped", down)
	}
}

// unreachable makes a list for serverLog.
func unreachable(servers ...string) (all []control.Unreachable) {
	for _, s := range servers {
		all = append(all, control.Unreachable{Addr: packet.MustAddr(s), Reason: packet.LinkDown, Rules: 2, Skipped: 1})
	}
	return all
}

// Each change is logged, but a server that comes and goes has one line in ten seconds. The
// last line is true.
func TestServerLog_TellsChangesButDoesNotFlood(t *testing.T) {
	var out lines
	l := serverLog{log: zerolog.New(&out), states: map[packet.Addr]*serverState{}}
	now := time.Unix(1000, 0)
	tick := func(servers ...string) string {
		now = now.Add(time.Second)
		l.update(now, unreachable(servers...))
		return out.take()
	}
	const down, up = "cannot be reached", "can be reached again"
	if got := tick("10.0.0.11"); !strings.Contains(got, down) || !strings.Contains(got, `"because":"link-down"`) || strings.Count(got, "\n") != 1 {
		t.Errorf("the first change: %q", got)
	}
	if got := tick("10.0.0.11"); got != "" {
		t.Errorf("no change: %q", got)
	}
	logged := ""
	for i := range 60 {
		if i%2 == 0 {
			logged += tick()
		} else {
			logged += tick("10.0.0.11")
		}
	}
	if n := strings.Count(logged, "\n"); n < 1 || n > 6 {
		t.Errorf("%d lines in a minute of changes, want at most 6:\n%s", n, logged)
	}
	for range 12 {
		logged += tick()
	}
	text := strings.Split(strings.TrimSpace(logged), "\n")
	if last := text[len(text)-1]; !strings.Contains(last, up) {
		t.Errorf("the last line is %q, want that it can be reached", last)
	}
	for range 12 {
		tick()
	}
	if len(l.states) != 0 {
		t.Errorf("%d servers are remembered, want none", len(l.states))
	}
}

// The line says how long packets could not reach the server, although an earlier failure was
// not logged.
func TestServerLog_SaysHowLong(t *testing.T) {
	var out lines
	l := serverLog{log: zerolog.New(&out), states: map[packet.Addr]*serverState{}}
	begin := time.Unix(1000, 0)
	at := func(second int, servers ...string) string {
		l.update(begin.Add(time.Duration(second)*time.Second), unreachable(servers...))
		return out.take()
	}
	at(0, "10.0.0.11")
	at(2)
	at(5, "10.0.0.11") // too soon after the first line
	if got := at(12); !strings.Contains(got, `"unreachable-seconds":7,`) || !strings.Contains(got, `"changes":3,`) {
		t.Errorf("logged %q, want three changes and seven seconds", got)
	}
}

// A link that goes down concerns many servers: few lines say so.
func TestServerLog_SumsUpMany(t *testing.T) {
	var out lines
	l := serverLog{log: zerolog.New(&out), states: map[packet.Addr]*serverState{}}
	var all []string
	for i := range 1000 {
		all = append(all, fmt.Sprintf("10.0.%d.%d", i/250, 1+i%250))
	}
	now := time.Unix(1000, 0)
	l.update(now, unreachable(all...))
	got := out.take()
	if strings.Count(got, "\n") != serverLines+1 || !strings.Contains(got, `"servers":990`) {
		t.Errorf("%d lines, want %d and one that sums up:\n%s", strings.Count(got, "\n"), serverLines, got)
	}
	l.update(now.Add(time.Second), unreachable(all...))
	if got := out.take(); got != "" {
		t.Errorf("then: %q, want nothing", got)
	}
}

// A server that gives no sign of life is logged as suspect, and the kernel is asked whether
// its next hop is there.
func TestCompare_LogsASuspectAndDoubtsItsNextHop(t *testing.T) {
	r := newRig(t, twoServers)
	for port := range uint16(40) {
		r.receive(0, frame(packet.ProtoTCP, 20000+port, 80))
	}
	for _, f := range r.ports[0].Take() {
		if d := packettest.Decode(t, f); d.IP.DstIP.String() == "10.0.0.11" {
			r.receive(0, packettest.Frame{
				SrcMAC: memlab.OthersMAC, DstMAC: memlab.MAC, Flags: "A",
				Src: fmt.Sprintf("198.51.100.1:%d", d.TCP.SrcPort), Dst: "192.0.2.10:80",
			}.Bytes())
		}
	}
	r.logged.take()
	r.compare()
	if got := r.logged.take(); got != "" {
		t.Errorf("logged %s before a result can be expected", got)
	}
	r.compare()
	got := r.logged.take()
	for _, want := range []string{
		`"service":"tcp:192.0.2.10:80","server":"10.0.0.12","port":80,"connections":19,"no-progress":19,"refused":0,"icmp-errors":0,"message":"most new connections to a real server fail, unlike`,
		`"service":"tcp:192.0.2.10:80","connections":39,"no-progress":19,"refused":0,"icmp-errors":0,"message":"at least half of the new connections to a service fail`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the log lacks %s:\n%s", want, got)
		}
	}
	if want := []packet.Addr{packet.MustAddr("10.0.0.12")}; !slices.Equal(r.network.doubted, want) {
		t.Errorf("next hops to confirm: %v, want %v", r.network.doubted, want)
	}
}

// Each change of a server and of a service has its own text.
func TestTellVerdicts_SaysWhy(t *testing.T) {
	for o := service.Fails; o <= service.Alike; o++ {
		for _, whole := range []bool{false, true} {
			var out lines
			tellVerdicts(zerolog.New(&out), []service.Verdict{{Whole: whole, Outcome: o}})
			got := out.take()
			level := map[bool]string{false: "warn", true: "info"}[o == service.Works]
			if !strings.Contains(got, `"level":"`+level+`"`) || strings.Contains(got, `"server":`) == whole {
				t.Errorf("outcome %d, the whole service: %v: %s", o, whole, got)
			}
			if none := whole && o == service.Alike; strings.Contains(got, `"message":""`) || strings.Contains(got, `"message"`) == none {
				t.Errorf("outcome %d, the whole service: %v: %s", o, whole, got)
			}
		}
	}
}

// A director is fit for traffic while all its links are up.
func TestFit_NamesALinkThatIsDown(t *testing.T) {
	r := newRig(t, twoServers)
	if err := r.fit(); err != nil {
		t.Errorf("%v, want it fit", err)
	}
	links := slices.Clone(r.network.snapshot.Links)
	links[0].Up = false
	r.network.snapshot.Links = links
	r.control.Refresh()
	if err := r.fit(); err == nil || err.Error() != "the link of eth0 is down" {
		t.Errorf("%v, want word of eth0", err)
	}
	if got := r.Figures().LinksDown; !slices.Equal(got, []string{"eth0"}) {
		t.Errorf("the figures name %v, want eth0", got)
	}
	r.network.snapshot.Links = nil // the interface was deleted
	r.control.Refresh()
	if err := r.fit(); err == nil || err.Error() != "the link of eth0 is down" {
		t.Errorf("a deleted interface: %v, want word of eth0", err)
	}
	if got := r.Figures().LinksDown; !slices.Equal(got, []string{"eth0"}) {
		t.Errorf("a deleted interface: the figures name %v, want eth0", got)
	}
}
