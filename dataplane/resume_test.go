package dataplane_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"director/dataplane"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// succeed makes one director resume the connections of another.
func succeed(from, to *rig) *dataplane.Resumption {
	to.t.Helper()
	named, servers := to.shared.View().Services.Named(), map[uint32]*service.Server{}
	for _, s := range from.shared.View().Services.Servers() {
		if s != nil && named[s.Name()] != nil {
			servers[s.ID] = named[s.Name()]
		}
	}
	r := to.shared.Resume(servers)
	ahead := to.shared.Now() - from.shared.Now()
	for s, d := range from.shared.Dump() {
		s.Deadline += ahead
		r.Add(s, d)
	}
	return r
}

// open opens n connections of a client from port on. Every second connection is only
// half-open. It returns the servers by port.
func (r *rig) open(port, n int) map[int]string {
	r.t.Helper()
	to := map[int]string{}
	for p := port; p < port+n; p++ {
		r.ports[0][0].Push(fromClient(p, packettest.Frame{Flags: "S"}))
		r.step()
		d := r.one(r.ports[1][0])
		to[p] = d.IP.DstIP.String()
		if p%2 == 0 {
			r.ports[1][0].Push(fromServer(int(d.IP.DstIP[3])-10, p, packettest.Frame{Flags: "SA"}))
			r.ports[0][0].Push(fromClient(p, packettest.Frame{Flags: "A"}))
			r.step()
			r.one(r.ports[0][0])
			r.one(r.ports[1][0])
		}
	}
	return to
}

func TestResume_GoesOnWithTheSameServers(t *testing.T) {
	from, to := newRig(t, options{}), newRig(t, options{scheduler: "lc", size: 1000})
	servers := from.open(2000, 41)
	if r := succeed(from, to); r.Resumed != 41 || r.Stranded+r.Refused != 0 {
		t.Fatalf("resumed %d, not resumed %d and %d, want all 41", r.Resumed, r.Stranded, r.Refused)
	}
	for n := 1; n <= 4; n++ {
		active, total := to.load(n)
		if a, all := from.load(n); active != a || total != all {
			t.Errorf("server %d has %d active connections of %d, want %d of %d as before", n, active, total, a, all)
		}
	}
	for _, port := range slices.Sorted(maps.Keys(servers)) {
		server := servers[port]
		to.ports[0][0].Push(fromClient(port, packettest.Frame{Flags: "A"}))
		to.step()
		if got := to.one(to.ports[1][0]).IP.DstIP.String(); got != server {
			t.Errorf("the client's port %d goes to %s, want %s as before", port, got, server)
		}
		to.ports[1][0].Push(fromServer(int(packet.MustAddr(server).V4()&0xff)-10, port, packettest.Frame{Flags: "A"}))
		to.step()
		if d := to.one(to.ports[0][0]); d.IP.SrcIP.String() != vip || d.TCP.SrcPort != 80 {
			t.Errorf("the answer comes from %v:%d, want the virtual address", d.IP.SrcIP, d.TCP.SrcPort)
		}
	}
	to.clock.Advance(time.Hour)
	to.step()
	for n := 1; n <= 4; n++ {
		if active, total := to.load(n); active != 0 || total != 0 {
			t.Errorf("after all have ended, server %d has %d active connections of %d", n, active, total)
		}
	}
}

func TestResume_LeavesOutWhoseServerIsGone(t *testing.T) {
	from, to := newRig(t, options{}), newRig(t, options{weights: []int32{1, 1, 1}})
	from.open(2000, 40)
	if r := succeed(from, to); r.Resumed != 30 || r.Stranded != 10 {
		t.Errorf("resumed %d, not resumed %d, want 30 and 10", r.Resumed, r.Stranded)
	}
}

func TestResume_LeavesOutWhatFindsNoRoom(t *testing.T) {
	from, to := newRig(t, options{}), newRig(t, options{size: 25})
	from.open(2000, 40)
	if r := succeed(from, to); r.Resumed != 25 || r.Refused != 15 {
		t.Errorf("resumed %d, not resumed %d, want 25 and 15", r.Resumed, r.Refused)
	}
	var all int64
	for n := 1; n <= 4; n++ {
		_, total := to.load(n)
		all += total
	}
	if all != 25 {
		t.Errorf("%d connections counted to servers, want 25", all)
	}
}

// A server that has reached its upper threshold gets no new clients. A server between
// its two thresholds gets new clients only if it did before.
func TestResume_KeepsThresholds(t *testing.T) {
	limit := func(r *rig) {
		spec := r.specs[0].Servers[0]
		spec.Upper, spec.Lower = 3, 2
		if err := r.control.EditServer(r.specs[0].Key, spec); err != nil {
			t.Fatal(err)
		}
	}
	from, to := newRig(t, options{weights: []int32{1, 1}}), newRig(t, options{weights: []int32{1, 1}})
	limit(from)
	limit(to)
	from.open(2000, 8)
	succeed(from, to)
	for port, server := range to.open(3000, 4) {
		if server != serverIP(2) {
			t.Errorf("the client's port %d goes to %s, which is full", port, server)
		}
	}
	first := to.shared.View().Services.Server(0)
	first.Release(false) // one less than -x, not less than -y
	if !first.Load.Overloaded.Load() {
		t.Fatal("the overload of the server ended too early")
	}
	first.Load.Overloaded.Store(false)
	first.Overload()
	if !first.Load.Overloaded.Load() {
		t.Error("a server that was overloaded is not overloaded after the restart")
	}
	first.Release(false)
	if first.Overload(); first.Load.Overloaded.Load() {
		t.Error("a server with few connections is overloaded")
	}
}

func TestResume_KeepsPersistentClientsWhereTheyWere(t *testing.T) {
	persist := func(r *rig) {
		spec := r.specs[0]
		spec.Persistent = 300
		if err := r.control.EditService(spec); err != nil {
			t.Fatal(err)
		}
	}
	from, to := newRig(t, options{}), newRig(t, options{})
	persist(from)
	persist(to)
	from.open(1000, 1)
	server := from.open(2000, 1)[2000]
	succeed(from, to)
	to.step()
	if got := to.open(3000, 1)[3000]; got != server {
		t.Errorf("a new connection of the client goes to %s, want %s", got, server)
	}
	id := int(packet.MustAddr(server).V4()&0xff) - 11
	if got := to.shared.View().Services.Server(uint32(id)).Persistent.Load(); got != 1 {
		t.Errorf("%d templates refer to the server, want 1", got)
	}
}

// The director after the restart shifts a server's sequence numbers as the one before
// did.
func TestResume_GoesOnReadingAnFTPDialogue(t *testing.T) {
	from, to := ftpRig(t, options{}), ftpRig(t, options{})
	from.login(40000)
	from.ports[0][0].Push(segment(ftpClient(40000), ftpService, "A", 1, 1, "PASV\r\n"))
	from.step()
	said, read := passive(50000)
	from.ports[1][0].Push(segment(ftpServer, ftpClient(40000), "A", 1, 7, said))
	from.step()
	from.ports[0][0].Take()
	if r := succeed(from, to); r.Resumed != 2 {
		t.Fatalf("%d connections resumed, want the control and the data connection", r.Resumed)
	}
	// The announcement is retransmitted and edited in the same way. The sequence
	// numbers after it are shifted.
	to.ports[1][0].Push(segment(ftpServer, ftpClient(40000), "A", 1, 7, said))
	to.ports[1][0].Push(segment(ftpServer, ftpClient(40000), "A", uint32(1+len(said)), 7, "226 done\r\n"))
	to.step()
	sent := to.ports[0][0].Take()
	if len(sent) != 2 {
		t.Fatalf("%d segments sent, want 2; counts %+v", len(sent), to.counts())
	}
	first, second := packettest.Decode(t, sent[0]), packettest.Decode(t, sent[1])
	if string(first.TCP.Payload) != read || int(second.TCP.Seq) != 1+len(said)+grows {
		t.Errorf("the client receives %q, and then number %d, want %q and %d", first.TCP.Payload, second.TCP.Seq, read, 1+len(said)+grows)
	}
	to.ports[0][0].Push(segment(ftpClient(41000), vip+":50000", "S", 0, 0, ""))
	to.step()
	if d := to.one(to.ports[1][0]); d.IP.DstIP.String() != serverIP(1) || d.TCP.DstPort != 50000 {
		t.Errorf("the data connection goes to %v:%d", d.IP.DstIP, d.TCP.DstPort)
	}
	if active, total := to.ftpLoad(); active != 2 || total != 2 {
		t.Errorf("the FTP server has %d active connections of %d, want 2 of 2", active, total)
	}
}
