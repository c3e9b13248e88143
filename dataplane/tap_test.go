package dataplane_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/dataplane"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// tapped is a record in the form that the tests compare.
type tapped struct {
	dataplane.TapRecord
	data []byte
}

// String describes a record without its bytes and its time.
func (r tapped) String() string {
	point := [...]string{"in", "out", "waited", "made", "piece"}[r.Point]
	verdict := [...]string{"pending", "tx", "drop", "host", "hold"}[r.Verdict]
	s := fmt.Sprintf("%s %d>%d %s %v", point, r.Interface, r.Other, verdict, r.Reason)
	if r.Known {
		s += fmt.Sprintf(" %v:%d for %v:%d", r.Server, r.ServerPort, r.Virtual, r.VirtualPort)
	}
	return s
}

// tap starts a capture of all frames. change can change its configuration.
func (r *rig) tap(change func(o *dataplane.TapOptions)) *dataplane.Tap {
	o := dataplane.TapOptions{
		Workers: len(r.workers), Snap: packet.MaxFrame, Rate: 10_000, Sample: 1, Clock: r.clock.Now,
	}
	if change != nil {
		change(&o)
	}
	t := dataplane.NewTap(o)
	r.shared.StartTap(t)
	return t
}

func taken(t *dataplane.Tap) (all []tapped) {
	t.Take(func(r *dataplane.TapRecord) bool {
		all = append(all, tapped{*r, bytes.Clone(r.Data)})
		return true
	})
	return all
}

func lines(records []tapped) (s []string) {
	for _, r := range records {
		s = append(s, r.String())
	}
	return s
}

// This test checks the content of each record, and that the recorded frames are those
// that were received and sent.
func TestTap_RecordsWhatHappensToEveryFrame(t *testing.T) {
	syn := packettest.Frame{Flags: "S"}
	first, later := inTwo(fromClient, 7, packettest.Frame{})
	arp := fromClient(1000, syn)
	arp[12], arp[13] = 8, 6
	long := packettest.Frame{Flags: "S", Payload: make([]byte, 1460)}
	for name, c := range map[string]struct {
		options options
		iface   int
		frames  [][]byte
		adjust  func(r *rig)
		want    []string
	}{
		"forwarded": {frames: [][]byte{fromClient(1000, syn)}, want: []string{
			"in 0>1 tx none 10.0.0.14:8080 for 192.0.2.10:80", "out 1>0 tx none 10.0.0.14:8080 for 192.0.2.10:80"}},
		"bad source": {frames: [][]byte{fromClient(1, packettest.Frame{Flags: "S", Src: "127.0.0.1:9"})}, want: []string{
			"in 0>0 drop bad-source"}},
		"time exceeded": {frames: [][]byte{fromClient(1, packettest.Frame{Flags: "S", TTL: 1})}, want: []string{
			"in 0>0 drop ttl 10.0.0.14:8080 for 192.0.2.10:80", "made 0>0 tx none"}},
		"reset": {frames: [][]byte{fromClient(1, packettest.Frame{Flags: "A"})}, want: []string{
			"in 0>0 drop no-connection", "made 0>0 tx none"}},
		"the kernel's": {frames: [][]byte{arp, fromClient(1, packettest.Frame{Flags: "S", Dst: vip + ":81"})}, want: []string{
			"in 0>0 host not-ipv4", "in 0>0 host no-service"}},
		"a server's own": {iface: 1, frames: [][]byte{fromServer(1, 443, syn)}, want: []string{"in 1>0 host no-connection"}},
		"no server": {options: options{weights: []int32{0}}, frames: [][]byte{fromClient(1, packettest.Frame{UDP: true})}, want: []string{
			"in 0>0 drop no-server", "made 0>0 tx none"}},
		"fragments": {frames: [][]byte{later, first}, want: []string{
			"in 0>0 hold fragment", "in 0>1 tx mtu 10.0.0.14:8080 for 192.0.2.10:80",
			"piece 1>0 tx none", "piece 1>0 tx none"}},
		"the same fragment twice": {frames: [][]byte{later, later}, want: []string{
			"in 0>0 hold fragment", "in 0>0 drop fragment"}},
		"cut": {options: options{method: service.TUN}, frames: [][]byte{fromClient(1, long)}, want: []string{
			"in 0>1 tx mtu 10.0.0.14:80 for 192.0.2.10:80", "piece 1>0 tx none", "piece 1>0 tx none"}},
		"an ICMP error": {frames: [][]byte{fromClient(40000, syn), fromClientSide(false)}, want: []string{
			"in 0>1 tx none 10.0.0.14:8080 for 192.0.2.10:80", "out 1>0 tx none 10.0.0.14:8080 for 192.0.2.10:80",
			"in 0>0 host protocol"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.options)
			tap := r.tap(nil)
			r.ports[c.iface][0].Push(c.frames...)
			r.step()
			records := taken(tap)
			if diff := cmp.Diff(c.want, lines(records)); diff != "" {
				t.Error(diff)
			}
			var in, out [][]byte
			for _, rec := range records {
				switch {
				case rec.Length != len(rec.data):
					t.Errorf("%v: %d bytes of %d", rec, len(rec.data), rec.Length)
				case rec.Point == dataplane.TapReceived:
					in = append(in, rec.data)
				default:
					out = append(out, rec.data)
				}
			}
			sent := append(r.ports[0][0].Take(), r.ports[1][0].Take()...)
			if !slices.EqualFunc(in, c.frames, bytes.Equal) {
				t.Errorf("%d frames recorded at ingress, want the %d received ones, unchanged", len(in), len(c.frames))
			}
			if !slices.EqualFunc(out, sent, bytes.Equal) {
				t.Errorf("%d frames recorded at egress, want the %d sent ones", len(out), len(sent))
			}
		})
	}
}

// Segments of a connection take the short way, which does not record the connection.
func TestTap_KnowsTheConnectionOfPlainPackets(t *testing.T) {
	r := newRig(t, options{})
	r.ports[0][0].Push(fromClient(1000, packettest.Frame{Flags: "S"}))
	r.step()
	r.ports[1][0].Push(fromServer(4, 1000, packettest.Frame{Flags: "SA"}))
	r.step()
	r.ports[0][0].Push(fromClient(1000, packettest.Frame{Flags: "A"}))
	r.step()
	tap := r.tap(nil)
	r.ports[0][0].Push(fromClient(1000, packettest.Frame{Flags: "A"}))
	r.step()
	r.ports[1][0].Push(fromServer(4, 1000, packettest.Frame{Flags: "A"}))
	r.step()
	records := taken(tap)
	want := []string{
		"in 0>1 tx none 10.0.0.14:8080 for 192.0.2.10:80", "out 1>0 tx none 10.0.0.14:8080 for 192.0.2.10:80",
		"in 1>0 tx none 10.0.0.14:8080 for 192.0.2.10:80", "out 0>1 tx none 10.0.0.14:8080 for 192.0.2.10:80",
	}
	if diff := cmp.Diff(want, lines(records)); diff != "" {
		t.Fatal(diff)
	}
	if records[0].Answer || !records[2].Answer {
		t.Error("the direction of a frame is wrong")
	}
}

func TestTap_FollowsFramesThatWait(t *testing.T) {
	r := newRig(t, options{noClient: true})
	tap := r.tap(nil)
	// The reset waits for the client's Ethernet address, which does not become known.
	r.ports[0][0].Push(fromClient(1000, packettest.Frame{Flags: "A"}))
	r.step()
	r.clock.Advance(2 * time.Second)
	r.step()
	want := []string{"in 0>0 drop no-connection", "waited 0>0 drop neighbor"}
	if diff := cmp.Diff(want, lines(taken(tap))); diff != "" {
		t.Error(diff)
	}
	r.ports[0][0].Push(fromClient(1001, packettest.Frame{Flags: "S"}))
	r.step()
	r.ports[1][0].Push(fromServer(4, 1001, packettest.Frame{Flags: "SA"}))
	r.step()
	r.net = network(true)
	r.control.Refresh()
	r.step()
	got := lines(taken(tap))
	want = []string{"in 1>1 hold neighbor 10.0.0.14:8080 for 192.0.2.10:80", "waited 0>0 tx none"}
	if len(got) != 4 || !cmp.Equal(got[3:], want[1:]) || !strings.Contains(got[2], "hold neighbor 10.0.0.14:8080") {
		t.Errorf("records %q, want the last two like %q", got, want)
	}
}

func TestTapFilter_SelectsFrames(t *testing.T) {
	tcp := service.Key{Addr: packet.MustAddr(vip), Port: 80, Proto: packet.ProtoTCP}
	udp := tcp
	udp.Proto = packet.ProtoUDP
	drops := func(f *dataplane.TapFilter) { f.Verdicts[packet.Drop] = true }
	for name, c := range map[string]struct {
		filter func(f *dataplane.TapFilter)
		want   string // letters of the records, see below
	}{
		"all":               {func(*dataplane.TapFilter) {}, "syn syn answer answer udp udp reset made bad arp"},
		"client":            {func(f *dataplane.TapFilter) { f.Client = mustPrefix(clientIP + "/32") }, "syn syn answer answer udp udp reset made"},
		"others":            {func(f *dataplane.TapFilter) { f.Client = mustPrefix("127.0.0.0/8") }, "bad"},
		"service of TCP":    {func(f *dataplane.TapFilter) { f.Service = &tcp }, "syn syn answer answer reset made bad"},
		"service of UDP":    {func(f *dataplane.TapFilter) { f.Service = &udp }, "udp udp"},
		"server":            {func(f *dataplane.TapFilter) { f.Server = packet.MustAddr(serverIP(4)) }, "syn syn answer answer udp udp"},
		"server's port":     {func(f *dataplane.TapFilter) { f.Server, f.ServerPort = packet.MustAddr(serverIP(4)), 9 }, ""},
		"another server":    {func(f *dataplane.TapFilter) { f.Server = packet.MustAddr(serverIP(3)) }, ""},
		"drops":             {drops, "reset bad"},
		"kernel's":          {func(f *dataplane.TapFilter) { f.Verdicts[packet.Host] = true }, "arp"},
		"by reason":         {func(f *dataplane.TapFilter) { f.Reasons[packet.BadSource] = true }, "bad"},
		"drops of a client": {func(f *dataplane.TapFilter) { drops(f); f.Client = mustPrefix(clientIP + "/32") }, "reset"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, options{})
			var got []string
			tap := r.tap(func(o *dataplane.TapOptions) { c.filter(&o.Filter) })
			arp := fromClient(1, packettest.Frame{})
			arp[12], arp[13] = 8, 6
			for _, f := range []struct {
				name  string
				iface int
				frame []byte
			}{
				{"syn", 0, fromClient(1000, packettest.Frame{Flags: "S"})},
				{"answer", 1, fromServer(4, 1000, packettest.Frame{Flags: "SA"})},
				{"udp", 0, fromClient(1000, packettest.Frame{UDP: true})},
				{"reset", 0, fromClient(1001, packettest.Frame{Flags: "A"})},
				{"bad", 0, fromClient(1, packettest.Frame{Flags: "S", Src: "127.0.0.1:9"})},
				{"arp", 0, arp},
			} {
				r.ports[f.iface][0].Push(f.frame)
				r.step()
				for _, rec := range taken(tap) {
					if rec.Point == dataplane.TapMade {
						f.name = "made"
					}
					got = append(got, f.name)
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("selected %q, want %q", s, c.want)
			}
		})
	}
}

func TestTap_KeepsToItsBudget(t *testing.T) {
	r := newRig(t, options{})
	tap := r.tap(func(o *dataplane.TapOptions) { o.Rate, o.Snap = 160, 64 })
	push := func(n int) {
		for i := range n {
			r.ports[0][0].Push(fromClient(1000+i, packettest.Frame{Flags: "S"}))
		}
		r.step()
	}
	push(40)
	if n := len(taken(tap)); n != 20 {
		t.Errorf("%d records at once, want 20, which is the budget of a sixteenth of a second", n)
	}
	r.clock.Advance(time.Second / 32)
	push(40)
	records := taken(tap)
	if len(records) != 10 {
		t.Errorf("%d records after half of that time, want 10", len(records))
	}
	if c := tap.Counts(0); c.Received != 80 || c.Skipped != 65 {
		t.Errorf("counts %+v, want 80 received and 65 skipped", c)
	}
	if r := records[0]; len(r.data) != 64 && r.Length > 64 {
		t.Errorf("%d bytes of a frame of %d, want 64", len(r.data), r.Length)
	}
}

func TestTap_SamplesOneInN(t *testing.T) {
	r := newRig(t, options{})
	tap := r.tap(func(o *dataplane.TapOptions) { o.Sample = 5 })
	for i := range 30 {
		r.ports[0][0].Push(fromClient(1000+i, packettest.Frame{Flags: "S"}))
	}
	r.step()
	if n := len(taken(tap)); n != 12 {
		t.Errorf("%d records, want 12: of six frames", n)
	}
	if c := tap.Counts(0); c.Matched != 30 || c.Sampled != 24 || c.Skipped != 0 {
		t.Errorf("counts %+v", c)
	}
}

// A batch whose recording takes long reduces the budget of later batches.
func TestTap_SpendsAShareOfTheTime(t *testing.T) {
	r := newRig(t, options{})
	now := int64(0)
	tap := r.tap(func(o *dataplane.TapOptions) {
		o.Clock = func() int64 { now += 10_000; return now } // every reading takes 10 µs
	})
	for range 1000 {
		r.ports[0][0].Push(fromClient(1000, packettest.Frame{Flags: "S"}))
		r.step()
	}
	if n := len(taken(tap)); n != 200 {
		t.Errorf("%d records, want 200: two for each 20 µs of 2 ms", n)
	}
	r.clock.Advance(50 * time.Millisecond) // a millisecond of work
	for range 1000 {
		r.ports[0][0].Push(fromClient(1000, packettest.Frame{Flags: "S"}))
		r.step()
	}
	if n := len(taken(tap)); n != 100 {
		t.Errorf("%d records, want 100", n)
	}
}

// If nobody reads the records, records are lost, and the frames are still forwarded.
func TestTap_LosesRecordsRatherThanFrames(t *testing.T) {
	r := newRig(t, options{})
	tap := r.tap(func(o *dataplane.TapOptions) { o.Rate = 1_000_000 })
	const frames = 5000
	for i := range frames {
		r.ports[0][0].Push(fromClient(1000+i, packettest.Frame{Flags: "S"}))
	}
	r.step()
	if n := len(r.ports[1][0].Take()); n != frames {
		t.Errorf("%d frames sent, want %d", n, frames)
	}
	c, n := tap.Counts(0), uint64(len(taken(tap)))
	if c.Lost == 0 || n+c.Lost+tap.Counts(1).Lost != 2*frames {
		t.Errorf("%d records and %+v, want all accounted for", n, c)
	}
}

func TestTap_PrefixOfClients(t *testing.T) {
	r := newRig(t, options{})
	tap := r.tap(func(o *dataplane.TapOptions) { o.Filter.Client = netip.MustParsePrefix("198.51.100.0/28") })
	r.ports[0][0].Push(fromClient(1000, packettest.Frame{Flags: "S"}), fromClient(1000, packettest.Frame{Flags: "S", Src: "198.51.100.100:9"}))
	r.step()
	if n := len(taken(tap)); n != 2 {
		t.Errorf("%d records, want those of one client", n)
	}
}
