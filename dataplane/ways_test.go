package dataplane_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"hash"
	"os"
	"slices"
	"strings"
	"testing"

	"director/dataplane/memport"
	"director/internal/packettest"
	"director/packet"
)

// way is a way of handling the packets of connections.
type way struct {
	name      string
	long      bool   // the stages handle all packets, hit.go none
	countFrom uint32 // see conntrack.Table.CountFrom
}

// manyPackets is a number of packets of a client after which hit.go handles the next.
const manyPackets = 15

// All tests run once in each of these ways. Consecutive pairs of ways must give the
// same results: see TestMain.
var ways = []*way{
	{name: "short"},
	{name: "long", long: true},
	{name: "short-many", countFrom: manyPackets},
	{name: "long-many", countFrom: manyPackets, long: true},
}

var current = ways[0]

// TestMain runs all tests in all ways and compares the actions of the rigs of each
// test. Benchmarks and fuzz targets run in the first way only. With the race
// detector, which is slow and finds other faults, the tests run in the short ways
// only.
func TestMain(m *testing.M) {
	only := flag.String("way", "", "run the tests in this way only: short, long, short-many or long-many")
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() != "" || flag.Lookup("test.fuzz").Value.String() != "" || flag.Lookup("test.list").Value.String() != "" {
		*only = "short"
	}
	code, hasty := 0, flag.Lookup("test.failfast").Value.String() == "true"
	for i, w := range ways {
		if hasty && code != 0 {
			break
		}
		if *only != "" && w.name != *only || *only == "" && raceEnabled && w.long {
			continue
		}
		current = w
		before := traces
		traces = map[string][]*trace{}
		if failed := m.Run(); failed != 0 {
			fmt.Printf("FAIL in the way %q: repeat with -way=%s\n", w.name, w.name)
			code = failed
		}
		if *only == "" && w.long && !sameTraces(ways[i-1], w, before, traces) && code == 0 {
			code = 1
		}
	}
	os.Exit(code)
}

// traces are the traces of the current run, by the name of the test.
var traces map[string][]*trace

// trace records the actions of the workers of a rig as text.
type trace struct {
	text   strings.Builder // the beginning of the trace
	room   int             // maximum length of text; 0: maxTrace
	all    hash.Hash
	idents []uint16 // identifications of tunnel packets: see packettest.WithoutIdent
}

// fewConns is the maximum number of connections that a trace shows after each step.
// If there are more, it shows them after the test only.
const fewConns = 20

// maxTrace is the number of bytes of a trace that are kept for a message.
const maxTrace = 64 << 10

func (t *trace) line(format string, args ...any) {
	line := fmt.Sprintf(format+"\n", args...)
	t.sum([]byte(line))
	if t.text.Len() < max(t.room, maxTrace) {
		t.text.WriteString(line)
	}
}

// frame adds what happens to a frame of the named port.
func (t *trace) frame(port string, f *packet.Frame) {
	var sent []byte
	if f.Verdict == packet.Tx {
		var ident uint16
		if sent, ident = packettest.WithoutIdent(f.Bytes()); ident != 0 {
			t.idents = append(t.idents, ident)
		}
	}
	t.sum([]byte{port[len(port)-1], byte(f.Verdict), byte(f.Reason), byte(len(sent))})
	t.sum(sent)
	if t.text.Len() < max(t.room, maxTrace) {
		fmt.Fprintf(&t.text, "%s: verdict %v, reason %v, sent %x\n", port, f.Verdict, f.Reason, sent)
	}
}

func (t *trace) sum(b []byte) {
	if t.all == nil {
		t.all = sha256.New()
	}
	t.all.Write(b)
}

// equal reports whether both traces are the same, and otherwise where they differ.
func (t *trace) equal(o *trace) (difference string, ok bool) {
	if t.all == nil || o.all == nil {
		return "one did nothing", t.all == nil && o.all == nil
	}
	if slices.Equal(t.all.Sum(nil), o.all.Sum(nil)) {
		return "", true
	}
	a, b := strings.Split(t.text.String(), "\n"), strings.Split(o.text.String(), "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d:\n  %s\n  %s", i+1, a[i], b[i]), false
		}
	}
	return fmt.Sprintf("after the first %d lines", min(len(a), len(b))), false
}

// sameTraces reports whether the traces of all tests are the same in two ways. A test
// may make its rigs in any order.
func sameTraces(wayA, wayB *way, a, b map[string][]*trace) bool {
	same := len(a) == len(b)
	if !same {
		fmt.Printf("FAIL: %d tests in the way %s, %d in the way %s\n", len(a), wayA.name, len(b), wayB.name)
	}
	for name, list := range a {
		others := slices.Clone(b[name])
		for _, t := range list {
			i := slices.IndexFunc(others, func(o *trace) bool { _, ok := t.equal(o); return ok })
			if i < 0 && len(others) == 0 {
				fmt.Printf("FAIL %s: more rigs in the way %s than in the way %s\n", name, wayA.name, wayB.name)
				same = false
				continue
			}
			if i < 0 {
				i = 0
				difference, _ := t.equal(others[0])
				fmt.Printf("FAIL %s: the ways %s and %s differ, %s\n", name, wayA.name, wayB.name, difference)
				same = false
			}
			others = slices.Delete(others, i, i+1)
		}
	}
	return same
}

// keepTrace ends the rig's trace with the state of the rig.
func (r *rig) keepTrace() {
	r.settled()
	traces[r.t.Name()] = append(traces[r.t.Name()], &r.trace)
}

// settled adds the state after a step to the trace: counters, statistics, loads,
// connections and used neighbours.
func (r *rig) settled() {
	r.trace.line("at %d: %+v", r.clock.Now(), r.counts())
	slices.Sort(r.trace.idents)
	r.trace.line("tunnels: %d packets have %d identifications", len(r.trace.idents), len(slices.Compact(r.trace.idents)))
	r.trace.idents = r.trace.idents[:0]
	for _, s := range r.shared.View().Services.Servers() {
		if s == nil {
			continue // it was removed, from the trash too
		}
		r.trace.line("server %d %v:%d: %+v, active %d, all %d, persistent %d", s.ID, s.Addr, s.Port,
			s.Counted(), s.Load.Active.Load(), s.Load.Total.Load(), s.Persistent.Load())
	}
	var conns []string
	for s := range r.shared.Conns().Dump() {
		conns = append(conns, fmt.Sprintf("%v:%d > %v:%d %d to %v:%d by %d, server %d, kind %x, %v, packets %d, time-out %d, mark %d, left %d, child %v, parent %v",
			s.Client, s.ClientPort, s.Virtual, s.VirtualPort, s.Proto, s.Addr, s.Port, s.Method, s.Server, s.Kind,
			s.State, s.Packets, s.Timeout, s.Mark, s.Deadline-r.clock.Now(), s.Parent != 0, s.Parental))
	}
	slices.Sort(conns)
	for _, c := range conns {
		r.trace.line("connection %s", c)
	}
	for _, n := range r.net.Neighbors {
		if n.Used != nil && n.Used.Take() {
			r.trace.line("neighbour %v was used", n.IP)
		}
	}
}

// tracedPort is a port that records what happens to its frames.
type tracedPort struct {
	*memport.Port
	trace *trace
	name  string
}

// Flush records the frames and calls memport.Port.Flush.
func (p *tracedPort) Flush(b *packet.Batch) error {
	for i := range b.N {
		p.trace.frame(p.name, &b.Frames[i])
	}
	return p.Port.Flush(b)
}
