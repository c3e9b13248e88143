package why_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/control"
	"director/dataplane"
	"director/inspect/why"
	"director/internal/memlab"
	"director/internal/packettest"
	"director/neigh"
	"director/packet"
	"director/service"
)

// The network of these tests:
//
//	clients 198.51.100.0/24 --- eth0 director eth1 --- servers 10.0.0.0/24
//	                       .1                  .1          .11 to .14
//
// The virtual address is 192.0.2.10. A firewall mark has 203.0.113.0/24. All hosts
// except the server .19 have a neighbour entry.
var (
	macs    = [2]packet.MAC{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}}
	hostMAC = packet.MAC{2, 0, 0, 9, 9, 9}
)

const (
	vip    = "192.0.2.10"
	client = "198.51.100.7"
)

// rig is a director in memory. It forwards packets and answers questions.
type rig struct {
	*memlab.Director
	t testing.TB
}

func newRig(t testing.TB, size int, specs ...service.Spec) *rig {
	t.Helper()
	r := &rig{t: t, Director: memlab.New(t, memlab.Options{
		Size: size, Network: network(),
		Marks: []service.Mark{{Mark: 5, Proto: packet.ProtoTCP, Prefix: netip.MustParsePrefix("203.0.113.0/24")}},
	}, specs...)}
	r.Clock.Advance(time.Hour)
	return r
}

func network() neigh.Snapshot {
	prefix := netip.MustParsePrefix
	s := neigh.Snapshot{
		Links: []neigh.Link{
			{Name: "eth0", Index: 2, Interface: 0, MAC: macs[0], MTU: 1500, Up: true, Addrs: []netip.Prefix{prefix("198.51.100.1/24"), prefix(vip + "/32")}},
			{Name: "eth1", Index: 3, Interface: 1, MAC: macs[1], MTU: 1500, Up: true, Addrs: []netip.Prefix{prefix("10.0.0.1/24")}},
		},
		Routes: []neigh.Route{{Dst: prefix("198.51.100.0/24"), Link: 2}, {Dst: prefix("10.0.0.0/24"), Link: 3}},
	}
	for n := range byte(100) {
		s.Neighbors = append(s.Neighbors, neigh.Neighbor{IP: netip.AddrFrom4([4]byte{198, 51, 100, n}), MAC: hostMAC, Link: 2, Used: &used})
	}
	for n := byte(11); n < 19; n++ {
		s.Neighbors = append(s.Neighbors, neigh.Neighbor{IP: netip.AddrFrom4([4]byte{10, 0, 0, n}), MAC: hostMAC, Link: 3, Used: &used})
	}
	s.Silent = []neigh.Silent{{IP: netip.MustParseAddr("10.0.0.19"), Link: 3}}
	return s
}

// used is the mark that all neighbours share.
var used neigh.Mark

func (r *rig) director() *why.Director { return &why.Director{Control: r.Control, Shared: r.Shared} }

// spec returns a service with servers 10.0.0.11 and following, which have these weights.
func spec(proto uint8, port uint16, scheduler string, method service.Method, weights ...int32) service.Spec {
	s := service.Spec{Key: service.Key{Addr: packet.MustAddr(vip), Port: port, Proto: proto}, Scheduler: scheduler}
	for i, w := range weights {
		p := port
		if method == service.NAT {
			p = 8080
		}
		s.Servers = append(s.Servers, service.ServerSpec{Addr: server(i), Port: p, Method: method, Weight: w})
	}
	return s
}

func web(scheduler string, weights ...int32) service.Spec {
	return spec(packet.ProtoTCP, 80, scheduler, service.NAT, weights...)
}

func server(i int) packet.Addr { return packet.AddrFrom4(0x0a00000b + uint32(i)) }

// send sends a frame to the director, and returns the frames that it sends, by interface.
func (r *rig) send(iface int, frame []byte) (sent [2][][]byte) {
	r.t.Helper()
	r.Step(iface, frame)
	for i := range r.Ports {
		sent[i] = r.Ports[i].Take()
		r.Hosts[i].Take()
	}
	return sent
}

// segment sends a client's segment to the director.
func (r *rig) segment(src, dst, flags string) {
	r.t.Helper()
	r.send(0, packettest.Frame{SrcMAC: hostMAC, DstMAC: macs[0], Src: src, Dst: dst, Flags: flags}.Bytes())
}

// answer sends a server's segment to the director.
func (r *rig) answer(src, dst, flags string) {
	r.t.Helper()
	r.send(1, packettest.Frame{SrcMAC: hostMAC, DstMAC: macs[1], Src: src, Dst: dst, Flags: flags}.Bytes())
}

// state is the visible state of a director.
type state struct {
	Connections []control.Connection
	Services    []control.Service
	Overloaded  []bool
	Used        int
	Wanted      int
	Counts      dataplane.Counts
	Marked      bool
}

func (r *rig) state() state {
	s := state{
		Connections: r.Control.Connections(), Services: r.Control.Services(), Used: r.Shared.Conns().Used(),
		Wanted: len(r.Wanted), Counts: r.Worker.Counts(), Marked: used.Take(),
	}
	for _, server := range r.Shared.View().Services.Servers() {
		s.Overloaded = append(s.Overloaded, server != nil && server.Load.Overloaded.Load())
	}
	return s
}

// ask asks the director and checks the answer: the question changes nothing, and when the
// packet arrives, it goes where the answer says.
func (r *rig) ask(q why.Question) why.Explanation {
	r.t.Helper()
	used.Take()
	before := r.state()
	all, err := r.director().Explain(&q)
	if err != nil {
		r.t.Fatal(err)
	}
	if diff := cmp.Diff(before, r.state(), comparers...); diff != "" {
		r.t.Fatalf("asking changed the director:\n%s", diff)
	}
	if len(all) != 1 {
		r.t.Fatalf("%d explanations of one packet", len(all))
	}
	r.hold(&all[0], before.Counts)
	return all[0]
}

var comparers = []cmp.Option{
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b packet.Addr) bool { return a == b }),
}

// hold sends the packet of an explanation to the director, and compares the results.
func (r *rig) hold(e *why.Explanation, before dataplane.Counts) {
	r.t.Helper()
	iface := 0
	if e.Packet.Interface == "eth1" {
		iface = 1
	}
	sent := r.send(iface, e.Packet.Bytes)
	var want [2][][]byte
	for _, p := range e.Sends {
		out := 0
		if p.Interface == "eth1" {
			out = 1
		}
		want[out] = append(want[out], p.Bytes)
	}
	for i := range sent {
		if len(sent[i]) != len(want[i]) {
			r.t.Fatalf("interface %d: %d frames were sent, %d in the explanation: %+v", i, len(sent[i]), len(want[i]), e)
		}
		for j := range sent[i] {
			if diff := cmp.Diff(unnumbered(want[i][j]), unnumbered(sent[i][j])); diff != "" {
				r.t.Fatalf("interface %d: another frame was sent (-explanation +sent):\n%s\n%+v", i, diff, e)
			}
		}
	}
	if got := verdict(before, r.Worker.Counts()); got != e.Verdict.Action+" "+e.Verdict.Reason {
		r.t.Fatalf("the verdict was %q, in the explanation %q", got, e.Verdict.Action+" "+e.Verdict.Reason)
	}
	r.holdConnection(e)
}

// holdConnection compares the entry of the packet's connection.
func (r *rig) holdConnection(e *why.Explanation) {
	r.t.Helper()
	c := e.Connection
	if c == nil || c.After == "" || c.Expires == 0 {
		return
	}
	server := e.Server.Address
	if e.Server.Method == "bypass" {
		server = netip.MustParseAddrPort("0.0.0.0:0")
	}
	for _, entry := range r.Control.Connections() {
		if entry.Client == c.Client && entry.Virtual == c.Virtual && entry.State == c.After &&
			entry.Server == server && fmt.Sprintf("%.3f", entry.Expires.Seconds()) == fmt.Sprintf("%.3f", c.Expires) {
			return
		}
	}
	r.t.Fatalf("the connection of the explanation does not exist: %+v\n%+v", c, r.Control.Connections())
}

// unnumbered returns a frame without the identification and the checksum of an IPv4
// header that the director built. Each worker counts identifications for itself, so they
// differ between workers.
func unnumbered(frame []byte) string {
	b := append([]byte(nil), frame...)
	if proto := b[23]; proto == packet.ProtoICMP || proto == packet.ProtoIPIP || proto == packet.ProtoGRE {
		b[18], b[19], b[24], b[25] = 0, 0, 0, 0
	}
	return fmt.Sprintf("%x", b)
}

// verdict derives the result of one packet from the counters before and after it.
func verdict(before, after dataplane.Counts) string {
	for reason := range packet.Reasons {
		if after.Drops[reason] != before.Drops[reason] {
			return "drop " + reason.String()
		}
		if after.Host[reason] != before.Host[reason] {
			return "host " + reason.String()
		}
	}
	if after.Tx != before.Tx {
		return "tx "
	}
	return "wait neighbor"
}

func tcp(src, dst string) why.Question { return why.Question{Proto: "tcp", Src: src, Dst: dst} }

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func packettestUDP(src, dst string) []byte {
	return packettest.Frame{SrcMAC: hostMAC, DstMAC: macs[0], Src: src, Dst: dst, UDP: true, Payload: []byte("?")}.Bytes()
}

// passive makes an FTP client ask for a data connection. The server listens for it on
// port 20000.
func passive(r *rig) {
	const c, v, s = client + ":40000", vip + ":21", "10.0.0.11:8080"
	say := func(iface int, src, dst, flags, text string, seq uint32) {
		r.send(iface, packettest.Frame{SrcMAC: hostMAC, DstMAC: macs[iface], Src: src, Dst: dst, Flags: flags, Seq: seq, Payload: []byte(text)}.Bytes())
	}
	say(0, c, v, "S", "", 1)
	say(1, s, c, "SA", "", 1)
	say(0, c, v, "A", "", 2)
	say(0, c, v, "PA", "PASV\r\n", 2)
	say(1, s, c, "PA", "227 Entering Passive Mode (10,0,0,11,78,32)\r\n", 2)
}
