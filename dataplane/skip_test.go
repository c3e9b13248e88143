package dataplane_test

import (
	"net/netip"
	"slices"
	"testing"

	"director/internal/packettest"
	"director/neigh"
	"director/packet"
	"director/service"
)

// silence lets the servers with these numbers no longer answer ARP requests, and all others
// answer.
func (r *rig) silence(servers ...int) {
	r.t.Helper()
	r.net = network(true)
	for _, n := range servers {
		ip := netip.MustParseAddr(serverIP(n))
		r.net.Neighbors = slices.DeleteFunc(r.net.Neighbors, func(o neigh.Neighbor) bool { return o.IP == ip })
		r.net.Silent = append(r.net.Silent, neigh.Silent{IP: ip, Link: 3})
	}
	r.control.Refresh()
}

// target returns the number of the server to which the director sent the single frame on
// eth1.
func (r *rig) target() int {
	r.t.Helper()
	return int(packet.MustAddr(r.to()).V4()&0xff) - 10
}

// connect begins a connection from a port of the client and returns the number of its
// server.
func (r *rig) connect(port int) int {
	r.t.Helper()
	r.ports[0][0].Push(fromClient(port, packettest.Frame{Flags: "S"}))
	r.step()
	return r.target()
}

// New connections go to the servers that packets can reach. A server whose neighbour has
// not answered yet is not passed over: its frames wait.
func TestSkip_PassesOverASilentServerUntilItAnswers(t *testing.T) {
	r := newRig(t, options{})
	r.control.SkipUnreachable(true)
	r.silence(2)
	for i := range 6 {
		if got, want := r.connect(40000+i), []int{4, 3, 1}[i%3]; got != want {
			t.Errorf("connection %d goes to server %d, want %d", i, got, want)
		}
	}
	r.silence()
	var seen []int
	for i := range 4 {
		seen = append(seen, r.connect(41000+i))
	}
	if !slices.Contains(seen, 2) {
		t.Errorf("server 2 answers again, but connections go to %v", seen)
	}
	r.net.Neighbors = slices.DeleteFunc(r.net.Neighbors, func(o neigh.Neighbor) bool { return o.IP.String() == serverIP(2) })
	r.control.Refresh()
	for i := range 4 { // one of them goes to server 2
		r.ports[0][0].Push(fromClient(42000+i, packettest.Frame{Flags: "S"}))
	}
	r.step()
	if sent := len(r.ports[1][0].Take()); sent != 3 || !slices.Contains(r.wanted, packet.MustAddr(serverIP(2))) {
		t.Errorf("%d of 4 frames sent, asked for %v; want one that waits for server 2", sent, r.wanted)
	}
}

// Without the option, and if no server can be reached, the scheduler chooses as ever.
func TestSkip_NotWithoutTheOptionAndNotAll(t *testing.T) {
	for _, all := range []bool{false, true} {
		r := newRig(t, options{})
		r.control.SkipUnreachable(all)
		if r.silence(2); all {
			r.silence(1, 2, 3, 4)
		}
		for i := range 4 {
			r.ports[0][0].Push(fromClient(40000+i, packettest.Frame{Flags: "S"}))
		}
		r.step()
		c := r.counts()
		if c.Conns != 4 || c.Drops[packet.NoServer] != 0 {
			t.Errorf("all silent: %v: %d connections, %d refused; want 4 and 0", all, c.Conns, c.Drops[packet.NoServer])
		}
		for n := 1; n <= 4; n++ {
			if _, total := r.load(n); total != 1 {
				t.Errorf("all silent: %v: server %d has %d connections, want 1", all, n, total)
			}
		}
	}
}

// A client that repeats its SYN leaves a server that packets cannot reach. One that has got
// an answer stays.
func TestSkip_RepeatedSYNGoesElsewhere(t *testing.T) {
	for _, method := range []service.Method{service.NAT, service.DR, service.TUN} {
		r := newRig(t, options{method: method})
		r.control.SkipUnreachable(true)
		syn, ack := packettest.Frame{Flags: "S"}, packettest.Frame{Flags: "A"}
		for _, port := range []int{40000, 40001} { // to servers 4 and 3
			r.ports[0][0].Push(fromClient(port, syn))
		}
		r.step()
		r.ports[0][0].Push(fromClient(40001, ack))
		r.step()
		r.ports[1][0].Take()
		r.silence(3, 4)
		r.ports[0][0].Push(fromClient(40000, syn))
		r.step()
		if sent := len(r.ports[1][0].Take()); sent != 1 {
			t.Errorf("%v: %d frames sent, want the repeated SYN", method, sent)
		}
		if _, total := r.load(4); total != 0 {
			t.Errorf("%v: server 4 has %d connections, want 0", method, total)
		}
		r.ports[0][0].Push(fromClient(40001, syn)) // of an open connection
		r.step()
		if _, total := r.load(3); total != 1 {
			t.Errorf("%v: server 3 has %d connections, want its open one", method, total)
		}
	}
}

// newPersistentRig returns a rig that skips servers that packets cannot reach. Its
// service is persistent.
func newPersistentRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, options{})
	r.control.SkipUnreachable(true)
	spec := r.specs[0]
	spec.Servers, spec.Persistent = nil, 300
	if err := r.control.EditService(spec); err != nil {
		t.Fatal(err)
	}
	return r
}

// A persistent client leaves a server that packets cannot reach, whatever the sysctl for
// servers of weight 0 says, also when it repeats its SYN. It stays with the new server.
func TestSkip_PersistentClientGetsAnotherServer(t *testing.T) {
	r := newPersistentRig(t)
	first := r.connect(40000)
	if again := r.connect(40001); again != first {
		t.Fatalf("the client goes to %d and to %d", first, again)
	}
	r.silence(first)
	second := r.connect(40001)
	if second == first {
		t.Errorf("the client repeats its SYN and goes to %d again", first)
	}
	r.silence()
	for port := 40002; port < 40006; port++ {
		if got := r.connect(port); got != second {
			t.Errorf("then the client goes to %d, want %d still", got, second)
		}
	}
	if n := r.shared.View().Services.Server(uint32(first - 1)).Persistent.Load(); n != 0 && r.shared.Conns().Used() < 6 {
		t.Errorf("%d templates refer to server %d, want none or that of its old connection", n, first)
	}
}

// If no server can be reached, a persistent client keeps its template.
func TestSkip_PersistentClientStaysIfNoServerCanBeReached(t *testing.T) {
	r := newPersistentRig(t)
	first := r.connect(40000)
	r.silence(1, 2, 3, 4)
	r.ports[0][0].Push(fromClient(40001, packettest.Frame{Flags: "S"}))
	r.step()
	r.silence()
	r.step() // the frame has waited
	if got := r.target(); got != first {
		t.Errorf("the frame that has waited goes to %d, want %d", got, first)
	}
	if got := r.connect(40002); got != first {
		t.Errorf("then the client goes to %d, want %d", got, first)
	}
}
