package replay_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// machine is a state machine under test, with the mode in which it is tested.
type machine struct {
	table, before table // before: the table of the mode in which the connections may begin
	states        states
	flags         []string
	mode, start   string // sysctls that switch to the mode, and to the one before
	first         string // the event that begins a connection
	ftp           bool   // commands of an FTP client lead to LISTEN
	frame         func(ends, event string) string
}

var tcpEvents = map[string]string{"SYN": "S", "FIN": "FA", "ACK": "A", "RST": "R", "none": "-"}

func tcpMachine(secure bool) machine {
	m := machine{
		table: tcpTable(secure), before: tcpTable(!secure), states: tcpStates, first: "SYN", ftp: true,
		flags: []string{"--sloppy-tcp=1", "-A -t 192.0.2.10:80 -s rr", "-a -t 192.0.2.10:80 -r 10.0.0.14:80 -m",
			"-A -t 192.0.2.11:80 -s rr", "-a -t 192.0.2.11:80 -r 10.0.0.14:80 -g",
			"-A -t 192.0.2.10:21 -s rr", "-a -t 192.0.2.10:21 -r 10.0.0.14:21 -m"},
		mode: "sysctl secure_tcp=0", start: "sysctl secure_tcp=3",
		frame: func(ends, event string) string { return ends + " tcp " + tcpEvents[event] },
	}
	if secure {
		m.mode, m.start = m.start, m.mode
	}
	return m
}

func sctpMachine() machine {
	return machine{
		table: sctpTable(), before: sctpTable(), states: sctpStates, first: "INIT",
		flags: []string{"--sloppy-sctp=1",
			"-A --sctp-service 192.0.2.10:80 -s rr", "-a --sctp-service 192.0.2.10:80 -r 10.0.0.14:80 -m",
			"-A --sctp-service 192.0.2.11:80 -s rr", "-a --sctp-service 192.0.2.11:80 -r 10.0.0.14:80 -g"},
		frame: func(ends, event string) string { return ends + " sctp " + event },
	}
}

// TestStateMachines_EveryCellByFrames reaches every cell of every table by frames. It then
// compares the state and the time that -Lcn shows.
func TestStateMachines_EveryCellByFrames(t *testing.T) {
	for _, test := range []struct {
		name string
		machine
	}{{"TCP", tcpMachine(false)}, {"TCP-secure", tcpMachine(true)}, {"SCTP", sctpMachine()}} {
		t.Run(test.name, test.run)
	}
}

// step is a packet on the way to a cell.
type step struct{ direction, event string }

// walk is the packets of one connection: first those in the mode before, then those in the
// machine's mode. The last one is the event.
type walk struct {
	cell
	port         int
	before, then []step
}

func (m machine) run(t *testing.T) {
	var walks []walk
	untested := map[string][]cell{}
	for _, c := range m.table.cells() {
		before, then, found := m.find(c)
		switch reason := m.unreachable(c); {
		case !found && reason == "":
			t.Errorf("%v: no frames lead there", c)
		case found && reason != "":
			t.Errorf("%v: frames lead there although %s", c, reason)
		case !found:
			untested[reason] = append(untested[reason], c)
		default:
			walks = append(walks, walk{c, 40000 + len(walks), before, append(then, step{c.direction, c.event})})
		}
	}
	for reason, cells := range untested {
		t.Logf("not tested, because %s: %v", reason, cells)
	}
	s := m.scenario(t, walks)
	got, err := s.run(t, "", capture(t, s.in))
	if err != nil {
		t.Fatal(err)
	}
	if v := got.summary.Verdicts; v.Drop > 0 || v.Host > 0 {
		t.Errorf("%d frames dropped, %d left to the kernel, want none: %v", v.Drop, v.Host, got.summary.Drops)
	}
	listed := map[string]string{}
	for _, line := range lines(got.script) {
		if f := strings.Fields(line); len(f) == 6 && f[0] != "pro" {
			listed[f[3]] = f[2] + " " + f[1]
		}
	}
	for _, w := range walks {
		next := m.states[m.table[w.cell]]
		left := next.seconds - 1 // half a second has passed
		want := fmt.Sprintf("%s %02d:%02d", next.name, left/60, left%60)
		if got := listed[fmt.Sprintf("198.51.100.7:%d", w.port)]; got != want {
			t.Errorf("%v: %q, want %q, by way of %v, %v", w.cell, got, want, w.before, w.then)
		}
	}
}

// unreachable returns why no frames lead to a cell.
func (m machine) unreachable(c cell) string {
	switch {
	case c.state == "NO" && c.direction == output:
		return "the packet that makes a connection comes from the client"
	case c.state == "NO" && (c.event == "RST" || c.event == "ABORT"):
		return "it begins no connection"
	case m.ftp && c.state == "LA":
		return "no cell of the tables leads to LAST_ACK"
	case m.ftp && c.state == "LI" && c.direction == inputOnly:
		return "only an FTP client's command makes LISTEN, and FTP is masqueraded"
	}
	alone := map[bool][]string{true: {"SS", "CW"}, false: {"CS", "CR", "CW", "CO", "SS", "SA", "RJ"}}
	if c.direction == inputOnly && slices.Contains(alone[m.ftp], c.state) {
		return "no packet of a client alone leads to the state"
	}
	return ""
}

// find returns the steps to a cell: in the machine's mode if possible, else in the mode
// before.
func (m machine) find(c cell) (before, then []step, found bool) {
	directions := []string{input, output}
	if c.direction == inputOnly {
		directions = []string{inputOnly}
	}
	switch {
	case c.state == "NO":
		return nil, nil, m.unreachable(c) == ""
	case c.state == "LI" && m.ftp && c.direction != inputOnly:
		return nil, nil, true
	}
	if then, found = m.table.path(step{directions[0], m.first}, directions, c.state); found {
		return nil, then, true
	}
	before, found = m.before.path(step{directions[0], m.first}, directions, c.state)
	return before, nil, found
}

// cells returns the table's cells in a fixed order.
func (t table) cells() []cell {
	return slices.SortedFunc(maps.Keys(t), func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.state, b.state), cmp.Compare(a.direction, b.direction), cmp.Compare(a.event, b.event))
	})
}

// path returns the shortest sequence of packets from a new connection to a state.
func (t table) path(first step, directions []string, state string) ([]step, bool) {
	type node struct {
		state string
		path  []step
	}
	begin := t[cell{"NO", first.direction, first.event}]
	queue, seen := []node{{begin, []step{first}}}, map[string]bool{begin: true}
	edges := t.cells()
	for len(queue) > 0 {
		n := queue[0]
		if queue = queue[1:]; n.state == state {
			return n.path, true
		}
		for _, c := range edges {
			if next := t[c]; c.state == n.state && slices.Contains(directions, c.direction) && !seen[next] {
				seen[next] = true
				queue = append(queue, node{next, append(slices.Clip(n.path), step{c.direction, c.event})})
			}
		}
	}
	return nil, false
}

// scenario makes one case of all walks, each from its own port. The steps in the mode
// before begin at second 2, the others at second 4, and the last one is at second 5. The
// director reads the defences each second, so the modes are switched in between.
func (m machine) scenario(t *testing.T, walks []walk) *scenario {
	text := append(slices.Clone(m.flags), "at 0 sysctl conn_reuse_mode=0")
	if m.mode != "" {
		text = append(text, "at 0.5 "+m.start, "at 2.5 "+m.mode)
	}
	text = append(text, "at 5.5 -Lcn")
	frames := map[string][]string{} // by instant
	add := func(when string, w walk, s step) {
		frames[when] = append(frames[when], "in "+when+" "+m.frame(w.ends(s), s.event))
	}
	for i, w := range walks {
		for j, s := range w.before {
			add(fmt.Sprintf("2.%02d", j), w, s)
		}
		if w.state == "LI" {
			frames["4.00"] = append(frames["4.00"], listen(w.port, i)...)
		}
		last := len(w.then) - 1
		for j, s := range w.then[:last] {
			add(fmt.Sprintf("4.%02d", j), w, s)
		}
		add("5.00", w, w.then[last])
	}
	for _, when := range slices.Sorted(maps.Keys(frames)) {
		text = append(text, frames[when]...)
	}
	s := readCase(t)
	for _, line := range text {
		if err := s.line(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return s
}

// ends returns the interface, the source and the destination of a packet of the walk.
func (w walk) ends(s step) string {
	client, virtual, server := fmt.Sprintf("198.51.100.7:%d", w.port), "192.0.2.10:80", "10.0.0.14:80"
	switch {
	case w.direction == inputOnly:
		virtual = "192.0.2.11:80"
	case w.state == "LI":
		virtual, server = "192.0.2.10:20", "10.0.0.14:20"
	}
	if s.direction == output {
		return "eth1 " + server + " > " + client
	}
	return "eth0 " + client + " > " + virtual
}

// listen returns the frames that lead to a connection in LISTEN: an FTP client opens a
// control connection, and asks for a data connection to one of its ports.
func listen(port, number int) []string {
	ends := fmt.Sprintf("in 4.00 eth0 198.51.100.7:%d > 192.0.2.10:21 tcp", 50000+number)
	back := fmt.Sprintf("in 4.00 eth1 10.0.0.14:21 > 198.51.100.7:%d tcp", 50000+number)
	return []string{
		ends + " S seq=100", back + " SA seq=300 ack=101", ends + " A seq=101 ack=301",
		fmt.Sprintf(`%s PA seq=101 ack=301 data="PORT 198,51,100,7,%d,%d\r\n"`, ends, port>>8, port&255),
	}
}
