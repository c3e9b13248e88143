package state_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/conntrack"
	"director/control/state"
	"director/dataplane"
	"director/dataplane/app/ftp"
	"director/internal/files/filestest"
	"director/packet"
	"director/service"
)

var update = flag.Bool("update", false, "write the golden file anew")

var (
	web = service.Key{Addr: packet.MustAddr("192.0.2.10"), Port: 80, Proto: packet.ProtoTCP}
	sip = service.Key{Addr: packet.MustAddr("192.0.2.10"), Port: 5060, Proto: packet.ProtoUDP}
)

// sample is a header with something in every field.
func sample() state.Header {
	return state.Header{
		Clock: 123_456_789_000,
		Servers: []state.Server{
			{Name: service.Name{Of: web, Addr: packet.MustAddr("10.0.0.11"), Port: 8080}, Number: 3, Overloaded: true},
			{Name: service.Name{Of: sip, Addr: packet.MustAddr("10.0.0.12"), Port: 5060}, Number: 9},
		},
	}
}

// saved is a connection, and the state of the FTP helper for it.
type saved struct {
	Record   *conntrack.Record
	Dialogue *dataplane.Dialogue
}

// connections returns connections of every kind: a template with engine data, its child
// with a dialogue, and a connection with IPv6 addresses.
func connections() []saved {
	client, clock := packet.MustAddr("198.51.100.7"), sample().Clock
	template := conntrack.Record{
		Key:    conntrack.Key{Client: client, Virtual: sip.Addr, VirtualPort: 5060, Proto: packet.ProtoUDP},
		Target: conntrack.Target{Addr: packet.MustAddr("10.0.0.12"), Port: 5060, Method: uint8(service.NAT), Server: 9},
		Kind:   conntrack.Template | conntrack.Engine, State: conntrack.TemplateAssured, Packets: 3, Timeout: 300, Mark: 0xfffffff1,
		Deadline: clock + 299_000_000_000, Order: 100_000_000_000, Data: "call@example", ID: 77, Parental: true,
	}
	control := conntrack.Record{
		Key:    conntrack.Key{Client: client, Virtual: web.Addr, ClientPort: 4711, VirtualPort: 21, Proto: packet.ProtoTCP},
		Target: conntrack.Target{Addr: packet.MustAddr("10.0.0.11"), Port: 2121, Method: uint8(service.NAT), Server: 3},
		Kind:   conntrack.Helper, State: conntrack.TCPEstablished, Packets: 15,
		Deadline: clock - 5, Order: 110_000_000_000, ID: 1<<40 | 4, Parent: 77, Parental: true,
	}
	data := control
	data.Kind, data.State, data.ClientPort, data.VirtualPort, data.Packets = conntrack.AnyPort|conntrack.Hidden, conntrack.TCPListen, 0, 40000, 0
	data.ID, data.Parent, data.Parental = 5, control.ID, false
	direct := data
	direct.Kind, direct.Method, direct.Parent, direct.State, direct.ID = 0, uint8(service.DR), 0, conntrack.SCTPEstablished, 6
	six := direct
	six.Client, six.Virtual, six.Addr, six.ID = packet.MustAddr("2001:db8::7"), packet.MustAddr("2001:db8::1"), packet.MustAddr("2001:db8:1::11"), 7
	six.Flags, six.Local, six.LocalPort = conntrack.Synced|conntrack.SeenFailing, packet.MustAddr("2001:db8:2::1"), 1024
	six.ClientShift, six.ServerShift = conntrack.Shift{From: 1, By: -2, Before: 3}, conntrack.Shift{From: 4, By: 5, Before: -6}
	dialogue := dataplane.Dialogue{
		Control: ftp.Control{
			Out:  ftp.Sequence{Start: 1, End: 0xfffffff0, Before: -3, After: 4, Pending: true},
			Next: 5, Seen: true, MidLine: true, Awaited: ftp.ExtendedPassive,
		},
		First: 6,
	}
	return []saved{{&template, nil}, {&control, &dialogue}, {&data, nil}, {&direct, nil}, {&six, nil}}
}

// each yields connections as the table does.
func each(all []saved) iter.Seq2[*conntrack.Record, *dataplane.Dialogue] {
	return func(yield func(*conntrack.Record, *dataplane.Dialogue) bool) {
		for _, s := range all {
			if !yield(s.Record, s.Dialogue) {
				return
			}
		}
	}
}

// read returns the content of a file, for a clock that has not moved since the file was written.
func read(t *testing.T, f *state.File) (all []saved) {
	t.Helper()
	err := f.Each(f.Clock, func(r *conntrack.Record, d *dataplane.Dialogue) {
		r2 := *r
		if d != nil {
			d2 := *d
			d = &d2
		}
		all = append(all, saved{&r2, d})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// write writes the sample.
func write(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "state")
	n, err := state.Write(t.Context(), filestest.At(t, path), sample(), each(connections()))
	if err != nil || n != len(connections()) {
		t.Fatalf("%d connections written, %v", n, err)
	}
	return path
}

func TestWrite_CanBeReadAgain(t *testing.T) {
	path := write(t)
	f, err := state.Open(filestest.At(t, path), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.Saved = f.Saved
	if diff := cmp.Diff(want, f.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(connections(), read(t, f)); diff != "" || f.Conns != len(connections()) {
		t.Errorf("%d connections (-want +got):\n%s", f.Conns, diff)
	}
	if err := f.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Open(filestest.At(t, path), time.Now()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that was used: %v, want that there is none", err)
	}
}

// An existing file does not change until the new one is complete. No other file is left in
// the directory.
func TestWrite_ReplacesWholeFiles(t *testing.T) {
	path := write(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := connections()
	bad[0].Record.Data = strings.Repeat("x", 1<<16)
	if _, err := state.Write(t.Context(), filestest.At(t, path), sample(), each(bad)); err == nil {
		t.Error("what fits no record was written")
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file changed: %v", err)
	}
	if _, err := state.Write(t.Context(), filestest.At(t, path), sample(), each(connections()[:1])); err != nil {
		t.Fatal(err)
	}
	f, err := state.Open(filestest.At(t, path), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Conns != 1 {
		t.Errorf("%d connections, want that of the second file", f.Conns)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory has %v, want one file: %v", entries, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, want 0600", info.Mode())
	}
}

// reseal replaces the checksum of a file by the right one.
func reseal(b []byte) []byte {
	body := b[:len(b)-sha256.Size]
	sum := sha256.Sum256(body)
	return append(slices.Clone(body), sum[:]...)
}

func TestOpen_RefusesAsAWhole(t *testing.T) {
	good, err := os.ReadFile(write(t))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	header := 16 + int(binary.LittleEndian.Uint32(good[12:]))
	set := func(i int, v byte) []byte {
		b := slices.Clone(good)
		b[i] = v
		return b
	}
	for name, c := range map[string]struct {
		bytes []byte
		now   time.Time
		want  string
	}{
		"empty":                   {nil, now, "too short"},
		"zero bytes":              {make([]byte, 4096), now, "damaged: it begins with zero bytes"},
		"cut":                     {good[:len(good)-1], now, "checksum"},
		"cut in the middle":       {good[:len(good)/2], now, "checksum"},
		"longer":                  {append(slices.Clone(good), 0), now, "checksum"},
		"another file":            {[]byte(strings.Repeat("something else ", 9)), now, "not a state file"},
		"another version":         {reseal(set(8, 2)), now, "version 2"},
		"a bit changed":           {set(header+9, good[header+9]^1), now, "checksum"},
		"old":                     {good, now.Add(61 * time.Second), "the limit is 1m0s"},
		"from the future":         {good, now.Add(-time.Minute), "in the future"},
		"a header too long":       {reseal(set(15, 0xff)), now, "EOF"},
		"a header cut":            {reseal(set(13, good[13]+0x40)), now, "EOF"},
		"no header":               {reseal(set(16, '[')), now, "header:"},
		"an unknown kind":         {reseal(set(header+1, 0xff)), now, "unknown kind"},
		"an unknown method":       {reseal(set(header+2, 9)), now, "method 9"},
		"an unknown flag":         {reseal(set(header+29, 0x80)), now, "unknown flags"},
		"an unknown state":        {reseal(set(header+3, 200)), now, "state 200"},
		"a state of templates":    {reseal(set(header+1, 0)), now, "cannot be in state"},
		"unknown parts":           {reseal(set(header+5, 0x80)), now, "unknown parts"},
		"data without an engine":  {reseal(set(header+1, 0x80)), now, "engine"},
		"a server of nobody":      {reseal(set(header+12, 1)), now, "server 1"},
		"a time out of range":     {reseal(set(header+37, 0x7f)), now, "out of range"},
		"an order out of range":   {reseal(set(header+45, 0x80)), now, "out of range"},
		"a parent that comes not": {reseal(set(header+46, 78)), now, "does not come before it"},
		"no name":                 {reseal(set(header+46, 0)), now, "no ID"},
		"no mark":                 {reseal(set(header, 'x')), now, "where a record should start"},
		"too few records":         {reseal(set(header, 'e')), now, "connections, but the file should have"},
	} {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, c.bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := state.Open(filestest.At(t, path), c.now)
		if err == nil {
			f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want the path and %q", name, err, c.want)
		}
	}
}

// A file that an earlier build of the same version has written can be read. If this fails,
// change the version, and then run go test ./control/state -update.
func TestFormat_StaysAsItIs(t *testing.T) {
	const golden = "testdata/golden"
	if *update {
		if err := os.Rename(write(t), golden); err != nil {
			t.Fatal(err)
		}
	}
	f, err := state.Open(filestest.At(t, golden), goldenTime(t, golden))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := sample()
	want.Saved = f.Saved
	if diff := cmp.Diff(want, f.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(connections(), read(t, f)); diff != "" {
		t.Errorf("connections (-want +got):\n%s", diff)
	}
	// A new file differs only in the time and the checksum.
	old, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := os.ReadFile(write(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(timeless(t, old), timeless(t, fresh)); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
}

// goldenTime is when the file was saved.
func goldenTime(t *testing.T, path string) time.Time {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, stamp, _ := strings.Cut(string(b), `"Saved":"`)
	stamp, _, _ = strings.Cut(stamp, `"`)
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// timeless removes from a file the parts that depend on the time of writing.
func timeless(t *testing.T, b []byte) string {
	t.Helper()
	before, rest, ok := strings.Cut(string(b), `"Saved":"`)
	if !ok {
		t.Fatal("no time in the file")
	}
	_, after, _ := strings.Cut(rest, `"`)
	return before[:12] + before[16:] + after[:len(after)-sha256.Size]
}

// FuzzOpen reads arbitrary bytes with the right magic, version and checksum. A file that is
// accepted is written again, and must have the same content.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "state")
	if _, err := state.Write(f.Context(), filestest.At(f, path), sample(), each(connections())); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	body := whole[12 : len(whole)-sha256.Size]
	f.Add(body)
	f.Add(body[:len(body)/2])
	f.Add([]byte("\x02\x00\x00\x00{}e\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "state")
		b := append(slices.Clone(whole[:12]), body...)
		if err := os.WriteFile(path, reseal(append(b, make([]byte, sha256.Size)...)), 0o600); err != nil {
			t.Fatal(err)
		}
		// Use the time in the file, even if it is wrong.
		first, err := state.OpenAnyAge(filestest.At(t, path))
		if err != nil {
			return
		}
		defer first.Close()
		conns := read(t, first)
		again := filepath.Join(dir, "again")
		if n, err := state.Write(t.Context(), filestest.At(t, again), first.Header, each(conns)); err != nil || n != first.Conns {
			t.Fatalf("%d connections written of %d: %v", n, first.Conns, err)
		}
		second, err := state.OpenAnyAge(filestest.At(t, again))
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		if diff := cmp.Diff(conns, read(t, second)); diff != "" {
			t.Errorf("connections (-first +second):\n%s", diff)
		}
	})
}
