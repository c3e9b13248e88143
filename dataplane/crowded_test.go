package dataplane_test

import (
	"fmt"
	"testing"
	"time"

	"director/conntrack"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// crowd fills the table with established connections from client ports 1000 on, so
// that none can be evicted.
func (r *rig) crowd() {
	r.t.Helper()
	for i := range r.shared.Conns().Size() {
		r.ports[0][0].Push(fromClient(1000+i, packettest.Frame{Flags: "S"}), fromClient(1000+i, packettest.Frame{Flags: "A"}))
	}
	r.step()
	r.ports[1][0].Take()
	if got := r.shared.Conns().Used(); got != r.shared.Conns().Size() {
		r.t.Fatalf("%d connections, want a full table", got)
	}
}

// leave removes connections until n are left.
func (r *rig) leave(n int) {
	var dead [2]conntrack.Conn
	for info := range r.shared.Conns().All() {
		if r.shared.Conns().Used() <= n {
			return
		}
		for i := range r.shared.Conns().Remove(info.ID, &dead) {
			r.shared.Settle(&dead[i])
		}
	}
}

// second advances the clock by a second.
func (r *rig) second() {
	r.clock.Advance(time.Second)
	r.control.Defend(r.clock.Now())
}

// from returns a frame of a client that the other tests do not use.
func from(client, port int, f packettest.Frame) []byte {
	f.Src = fmt.Sprintf("198.51.100.%d:%d", 100+client, port)
	return fromClient(0, f)
}

// to returns the destination of the single frame that was sent to the servers.
func (r *rig) to() string {
	r.t.Helper()
	d := r.one(r.ports[1][0])
	if dst, _ := d.MACs(); d.Outer == nil && d.IP.DstIP.String() == vip {
		return serverIP(int(dst[5]) - 10)
	}
	if d.Outer != nil {
		return d.Outer.DstIP.String()
	}
	return d.IP.DstIP.String()
}

// A full table first evicts the oldest half-open connection.
func TestCrowded_ReusesTheOldestHalfOpenFirst(t *testing.T) {
	r := newRig(t, options{size: 8})
	for i := range 10 {
		r.ports[0][0].Push(fromClient(1000+i, packettest.Frame{Flags: "S"}))
	}
	r.step()
	c := r.counts()
	if c.Tx[1] != 10 || c.Conns != 10 || c.Untracked != 0 || r.shared.Conns().Used() != 8 {
		t.Errorf("%d sent, %d made, %d without an entry, %d held; want 10, 10, 0, 8", c.Tx[1], c.Conns, c.Untracked, r.shared.Conns().Used())
	}
	for s := 1; s <= 4; s++ {
		if active, total := r.load(s); active != 2 || total != 2 {
			t.Errorf("server %d has %d active of %d, want 2", s, active, total)
		}
	}
	r.ports[1][0].Take()
	// The oldest two are evicted.
	for i := range 3 {
		r.ports[0][0].Push(fromClient(1000+i, packettest.Frame{Flags: "A"}))
	}
	r.step()
	if resets, on := len(r.ports[0][0].Take()), len(r.ports[1][0].Take()); resets != 2 || on != 1 {
		t.Errorf("%d resets and %d segments forwarded, want 2 and 1", resets, on)
	}
}

// If no connection can be evicted, packets are forwarded without an entry. All
// packets of a client go to one server, and the answers of masquerading servers are
// forwarded to the client.
func TestCrowded_ForwardsWithoutAnEntry(t *testing.T) {
	for _, method := range []service.Method{service.NAT, service.DR, service.TUN} {
		t.Run(method.String(), func(t *testing.T) {
			r := newRig(t, options{size: 20, method: method})
			r.crowd()
			before, _ := r.load(1)
			seen := map[string]bool{}
			packets := uint64(0)
			for client := range 12 {
				server := ""
				for i, flags := range []string{"S", "A", "PA", "FA", "A"} {
					r.ports[0][0].Push(from(client, 5000+i%2, packettest.Frame{Flags: flags}))
					r.step()
					to := r.to()
					if server != "" && to != server {
						t.Fatalf("client %d goes to %s, then to %s", client, server, to)
					}
					server = to
					packets++
				}
				seen[server] = true
				if method != service.NAT {
					continue
				}
				r.ports[1][0].Push(fromServer(0, 0, packettest.Frame{Flags: "SA", Src: server + ":8080"}))
				r.step()
				if got, want := r.one(r.ports[0][0]).Flow(), vip+":80 > "+clientIP+":0"; got != want {
					t.Errorf("the answer is %s, want %s", got, want)
				}
				packets++
			}
			if len(seen) < 2 {
				t.Errorf("all clients go to %v, want several servers", seen)
			}
			c := r.counts()
			if c.Untracked != packets || c.Conns != 20 || r.shared.Conns().Used() != 20 {
				t.Errorf("%d without an entry, %d made, %d held, want %d, 20, 20", c.Untracked, c.Conns, r.shared.Conns().Used(), packets)
			}
			if after, _ := r.load(1); after != before {
				t.Errorf("server 1 has %d active connections, had %d", after, before)
			}
		})
	}
}

func TestCrowded_ForwardsDatagramsToo(t *testing.T) {
	r := newRig(t, options{size: 20})
	r.crowd()
	r.ports[0][0].Push(fromClient(5353, packettest.Frame{UDP: true}))
	r.step()
	server := r.to()
	r.ports[1][0].Push(fromServer(0, 5353, packettest.Frame{UDP: true, Src: server + ":8080"}))
	r.step()
	if got, want := r.one(r.ports[0][0]).Flow(), vip+":80 > "+clientIP+":5353"; got != want {
		t.Errorf("the answer is %s, want %s", got, want)
	}
	if got := r.counts().Untracked; got != 2 {
		t.Errorf("%d without an entry, want 2", got)
	}
}

// If a server masquerades for two services, or for every port of one, its answers do
// not show the service. A packet without room is dropped then.
func TestCrowded_DropsWhereTheAnswerIsAmbiguous(t *testing.T) {
	r := newRig(t, options{size: 20})
	second := r.specs[0]
	second.Port = 81
	if err := r.control.Add([]service.Spec{second}); err != nil {
		t.Fatal(err)
	}
	r.crowd()
	r.ports[0][0].Push(from(1, 5000, packettest.Frame{Flags: "S"}), from(1, 5000, packettest.Frame{Flags: "S", Dst: vip + ":81"}))
	r.step()
	if c := r.counts(); c.Drops[packet.TableFull] != 2 || c.Untracked != 0 {
		t.Errorf("%d dropped for the full table, %d without an entry, want 2 and 0", c.Drops[packet.TableFull], c.Untracked)
	}
	// Its answers belong to no connection, and a segment without a connection is
	// reset.
	answer := fromServer(1, 5000, packettest.Frame{Flags: "SA"})
	r.ports[1][0].Push(answer)
	r.ports[0][0].Push(from(1, 5000, packettest.Frame{Flags: "A"}))
	r.step()
	if back := r.hosts[1][0].Take(); len(back) != 1 {
		t.Errorf("%d answers left to the kernel, want 1", len(back))
	}
	if got := r.one(r.ports[0][0]); !got.TCP.RST {
		t.Errorf("%s is answered by %+v, want a reset", got.Flow(), got.TCP)
	}
}

// A real server's packets to the director's host go to the host, also when the table
// is full.
func TestCrowded_LeavesTheHostItsAnswers(t *testing.T) {
	r := newRig(t, options{size: 20})
	r.crowd()
	r.ports[0][0].Push(from(1, 5000, packettest.Frame{Flags: "S"}))
	r.step()
	check := packettest.Frame{SrcMAC: serverMAC(1), DstMAC: eth1MAC, Src: serverIP(1) + ":8080", Dst: "10.0.0.1:33000", Flags: "SA"}
	r.ports[1][0].Push(check.Bytes())
	r.step()
	if back := r.hosts[1][0].Take(); len(back) != 1 {
		t.Errorf("%d frames left to the kernel, want the answer to its health check; drops %v", len(back), r.counts().Drops)
	}
}

func TestCrowded_WithoutAUsableServer(t *testing.T) {
	r := newRig(t, options{size: 20, method: service.DR})
	r.crowd()
	for n, s := range r.specs[0].Servers {
		s.Weight = 0
		if err := r.control.EditServer(r.specs[0].Key, s); err != nil {
			t.Fatal(n, err)
		}
	}
	r.ports[0][0].Push(from(1, 5000, packettest.Frame{Flags: "S"}), from(1, 5001, packettest.Frame{Flags: "A"}))
	r.step()
	if c := r.counts(); c.Drops[packet.NoServer] != 1 || c.Drops[packet.NoConnection] != 1 {
		t.Errorf("drops %v, want no-server for the SYN and no-connection for the ACK", c.Drops)
	}
}

// Without room, persistence and thresholds are ignored.
func TestCrowded_IgnoresPersistenceAndThresholds(t *testing.T) {
	r := newRig(t, options{size: 20, method: service.DR})
	r.crowd()
	persistent := r.specs[0]
	persistent.Servers, persistent.Persistent = nil, 300
	if err := r.control.EditService(persistent); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.specs[0].Servers[1:] {
		s.Upper = 1 // each has 5
		if err := r.control.EditServer(r.specs[0].Key, s); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for client := range 30 {
		r.ports[0][0].Push(from(client, 5000, packettest.Frame{Flags: "S"}))
		r.step()
		seen[r.to()] = true
	}
	if len(seen) < 3 {
		t.Errorf("servers %v, want those above their thresholds too", seen)
	}
	for s := 1; s <= 4; s++ {
		if n := r.shared.View().Services.Server(uint32(s - 1)).Persistent.Load(); n != 0 {
			t.Errorf("server %d counts %d templates, want none", s, n)
		}
	}
}

// When there is room again, a segment of a connection without an entry gets an entry
// with the same server.
func TestCrowded_AdoptsConnectionsWhenThereIsRoom(t *testing.T) {
	for _, method := range []service.Method{service.NAT, service.DR, service.TUN} {
		t.Run(method.String(), func(t *testing.T) {
			r := newRig(t, options{size: 20, method: method})
			r.crowd()
			r.ports[0][0].Push(from(1, 5000, packettest.Frame{Flags: "S"}))
			r.step()
			server := r.to()
			r.leave(10)
			var before int64
			for s := 1; s <= 4; s++ {
				active, _ := r.load(s)
				before += active
			}
			r.ports[0][0].Push(from(1, 5000, packettest.Frame{Flags: "PA"}))
			r.step()
			if to := r.to(); to != server {
				t.Errorf("adopted by %s, its server was %s", to, server)
			}
			if used, c := r.shared.Conns().Used(), r.counts(); used != 11 || c.Conns != 21 || c.Untracked != 1 {
				t.Errorf("%d held, %d made, %d without an entry, want 11, 21, 1", used, c.Conns, c.Untracked)
			}
			list := r.shared.Conns().List()
			last := list[len(list)-1]
			if a := last.Addr; last.State != conntrack.TCPEstablished || a.String() != server {
				t.Errorf("it is %v with %v, want ESTABLISHED with %s", last.State, a, server)
			}
			var after int64
			for s := 1; s <= 4; s++ {
				active, _ := r.load(s)
				after += active
			}
			if after != before+1 {
				t.Errorf("%d active connections, want %d", after, before+1)
			}
			// A SYN begins an ordinary connection by the service's scheduler.
			r.ports[0][0].Push(from(2, 5000, packettest.Frame{Flags: "S"}))
			r.step()
			if used := r.shared.Conns().Used(); used != 12 {
				t.Errorf("%d held, want 12", used)
			}
		})
	}
}

// The mode ends when the table has been less than 90 % full for two minutes.
func TestCrowded_EndsTwoMinutesAfterThereIsRoom(t *testing.T) {
	r := newRig(t, options{size: 20, method: service.DR})
	port := 5000
	adopts := func() bool {
		t.Helper()
		port++
		used := r.shared.Conns().Used()
		r.ports[0][0].Push(from(1, port, packettest.Frame{Flags: "A"}))
		r.step()
		forwarded, resets := len(r.ports[1][0].Take()), len(r.ports[0][0].Take())
		if forwarded+resets != 1 {
			t.Fatalf("%d forwarded and %d reset, want one of them", forwarded, resets)
		}
		r.leave(used)
		return forwarded == 1
	}
	if adopts() {
		t.Error("a segment is adopted before the table was full")
	}
	r.crowd()
	if adopts() {
		t.Error("a segment is adopted, but every connection found room")
	}
	r.ports[0][0].Push(from(1, 4999, packettest.Frame{Flags: "S"}))
	r.step()
	r.ports[1][0].Take()
	if !adopts() {
		t.Error("a segment is not adopted after a connection found no room")
	}
	r.leave(18) // 90 %
	for range 300 {
		r.second()
	}
	if !adopts() {
		t.Error("the mode ended at 90 %")
	}
	r.leave(17)
	for range 100 {
		r.second()
	}
	r.ports[0][0].Push(from(9, 1, packettest.Frame{Flags: "S"}))
	r.step()
	r.ports[1][0].Take()
	r.second() // 18 connections again: the two minutes start again
	r.leave(17)
	for range 121 {
		if !adopts() {
			t.Fatal("the mode ended early")
		}
		r.second()
	}
	if adopts() {
		t.Error("the mode has not ended after two minutes below 90 %")
	}
}
