package dataplane_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"director/conntrack"
	"director/control"
	"director/dataplane"
	"director/dataplane/memport"
	"director/dataplane/sysctl"
	"director/internal/packettest"
	"director/neigh"
	"director/packet"
	"director/service"
)

// The network of these tests:
//
//	clients 198.51.100.0/24 --- eth0 director eth1 --- servers 10.0.0.0/24
//	                       .1                  .1          .11 .12 .13 .14
//
// with virtual address 192.0.2.10. The client is 198.51.100.7. Other clients with a
// neighbour entry are 198.51.100.100 to .149, with the same MAC address.
var (
	eth0MAC   = packet.MAC{2, 0, 0, 0, 0, 1}
	eth1MAC   = packet.MAC{2, 0, 0, 0, 0, 2}
	clientMAC = packet.MAC{2, 0, 0, 1, 0, 7}
)

const (
	clientIP = "198.51.100.7"
	vip      = "192.0.2.10"
)

func serverMAC(n int) packet.MAC { return packet.MAC{2, 0, 0, 2, 0, byte(10 + n)} }

func serverIP(n int) string { return packet.AddrFrom4(0x0a00000a + uint32(n)).String() }

// rig is a director in memory.
type rig struct {
	t       testing.TB
	shared  *dataplane.Engine
	workers []*dataplane.Worker
	ports   [2][]*memport.Port // by interface and queue
	hosts   [2][]*memport.Port
	clock   memport.Clock
	control *control.Control
	net     neigh.Snapshot
	specs   []service.Spec
	partial bool // frames can have partial checksums
	traced  bool // whether trace records what the workers do
	trace   trace
	mu      sync.Mutex
	wanted  []packet.Addr
}

// options configures a rig. The zero value has one queue on each interface, and
// services on TCP and UDP port 80 with the scheduler rr. Each has four masquerading
// servers of weight 1 on port 8080.
type options struct {
	queues    [2]int
	method    service.Method
	scheduler string
	weights   []int32
	size      int // size of the connection table
	noClient  bool
	marks     []service.Mark
	partial   bool               // frames can have partial checksums
	strict    bool               // --tcp-strict
	giant     bool               // one worker works at a time
	clock     func(r *rig) int64 // clock of the workers; nil: that of the rig
	unordered bool               // workers run at the same time, so their actions have no order
	seed      uint64             // of the table's hash if unordered; 0: as testSeed says
}

var seedFlag = flag.Uint64("dataplane.seed", 0, "what is random in tests follows from it; 0: something else each time")

// testSeed returns a seed. A test that fails says how to get the same one again.
func testSeed(t testing.TB) uint64 {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("again with: -run '%s' -dataplane.seed=%d", t.Name(), seed)
		}
	})
	return seed
}

func newRig(t testing.TB, o options) *rig {
	t.Helper()
	for i := range o.queues {
		o.queues[i] = max(1, o.queues[i])
	}
	if o.scheduler == "" {
		o.scheduler = "rr"
	}
	if o.weights == nil {
		o.weights = []int32{1, 1, 1, 1}
	}
	if o.size == 0 {
		o.size = 20_000
	}
	r := &rig{t: t, traced: !o.unordered, partial: o.partial}
	clock := r.clock.Now
	if o.clock != nil {
		clock = func() int64 { return o.clock(r) }
	}
	// If one worker works at a time, the order of all actions is the same in each
	// run.
	conns, err := conntrack.NewSeeded(o.size, [3]uint64{0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0})
	if o.unordered {
		if o.seed == 0 {
			o.seed = testSeed(t)
		}
		random := rand.New(rand.NewPCG(o.seed, 0))
		conns, err = conntrack.NewFrom(o.size, [3]uint64{random.Uint64(), random.Uint64(), random.Uint64()})
	}
	if err != nil {
		t.Fatal(err)
	}
	conns.CountFrom(current.countFrom)
	if o.strict {
		if err := conns.TrackStreams(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(conns.Close)
	r.shared = dataplane.New(dataplane.Options{
		Conns: conns, Clock: clock, Resolver: r, ICMPRate: time.Second, ICMPMask: 6168,
		GiantLock: o.giant, LongWay: current.long,
	})
	for _, proto := range []uint8{packet.ProtoTCP, packet.ProtoUDP} {
		s := service.Spec{Key: service.Key{Addr: packet.MustAddr(vip), Port: 80, Proto: proto}, Scheduler: o.scheduler}
		for n, w := range o.weights {
			port := uint16(80)
			if o.method == service.NAT {
				port = 8080
			}
			s.Servers = append(s.Servers, service.ServerSpec{Addr: packet.MustAddr(serverIP(n + 1)), Port: port, Method: o.method, Weight: w})
		}
		r.specs = append(r.specs, s)
	}
	r.net = network(!o.noClient)
	r.control = control.New(control.Options{
		Shared:   r.shared,
		Marks:    o.marks,
		Workers:  max(o.queues[0], o.queues[1]),
		Hops:     func(t *service.Table) *neigh.Table { return neigh.New(r.net, control.Addresses(t)) },
		Timeouts: service.Timeouts{TCP: 900, TCPFIN: 120, UDP: 300},
		Sysctl:   sysctl.Defaults(),
	})
	if err := r.control.Add(r.specs); err != nil {
		t.Fatal(err)
	}

	ifaces := make([]dataplane.Interface, 2)
	for a := range ifaces {
		ifaces[a].Partial = o.partial
		for q := range o.queues[a] {
			p, h := memport.New(), memport.New()
			r.ports[a], r.hosts[a] = append(r.ports[a], p), append(r.hosts[a], h)
			if !r.traced {
				ifaces[a].Queues, ifaces[a].Hosts = append(ifaces[a].Queues, p), append(ifaces[a].Hosts, h)
				continue
			}
			ifaces[a].Queues = append(ifaces[a].Queues, &tracedPort{p, &r.trace, fmt.Sprintf("interface %d queue %d", a, q)})
			ifaces[a].Hosts = append(ifaces[a].Hosts, &tracedPort{h, &r.trace, fmt.Sprintf("host of interface %d queue %d", a, q)})
		}
	}
	var waiters []dataplane.Waiter
	for range max(o.queues[0], o.queues[1]) {
		waiters = append(waiters, memport.NewWaiter())
	}
	if r.workers, err = dataplane.NewWorkers(r.shared, ifaces, waiters); err != nil {
		t.Fatal(err)
	}
	if r.traced {
		t.Cleanup(r.keepTrace)
	}
	return r
}

func network(client bool) neigh.Snapshot {
	prefix := netip.MustParsePrefix
	s := neigh.Snapshot{
		Links: []neigh.Link{
			{Name: "eth0", Index: 2, Interface: 0, MAC: eth0MAC, MTU: 1500, Up: true, Addrs: []netip.Prefix{prefix("198.51.100.1/24"), prefix(vip + "/32")}},
			{Name: "eth1", Index: 3, Interface: 1, MAC: eth1MAC, MTU: 1500, Up: true, Addrs: []netip.Prefix{prefix("10.0.0.1/24")}},
		},
		Routes: []neigh.Route{{Dst: prefix("198.51.100.0/24"), Link: 2}, {Dst: prefix("10.0.0.0/24"), Link: 3}},
	}
	if client {
		s.Neighbors = append(s.Neighbors, neigh.Neighbor{IP: netip.MustParseAddr(clientIP), MAC: clientMAC, Link: 2, Used: new(neigh.Mark)})
	}
	for n := range byte(50) {
		s.Neighbors = append(s.Neighbors, neigh.Neighbor{IP: netip.AddrFrom4([4]byte{198, 51, 100, 100 + n}), MAC: clientMAC, Link: 2, Used: new(neigh.Mark)})
	}
	for n := 1; n <= 4; n++ {
		s.Neighbors = append(s.Neighbors, neigh.Neighbor{IP: netip.MustParseAddr(serverIP(n)), MAC: serverMAC(n), Link: 3, Used: new(neigh.Mark)})
	}
	return s
}

// Want makes the rig a resolver. It records the requested addresses.
func (r *rig) Want(a packet.Addr, _ uint8) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = append(r.wanted, a)
}

// step runs every worker until none has work, as Run does before it sleeps.
func (r *rig) step() {
	r.t.Helper()
	for busy := true; busy; {
		busy = false
		for _, w := range r.workers {
			n, err := w.Step()
			if err != nil {
				r.t.Fatal(err)
			}
			busy = busy || n > 0 || w.Sweeping()
		}
	}
	if r.traced && r.shared.Conns().Used() <= fewConns {
		r.settled()
		r.countedRight()
	}
}

// countedRight checks that the sizes of the crowds of each service are right.
func (r *rig) countedRight() {
	r.t.Helper()
	want := map[service.Key]conntrack.Crowds{}
	services := r.shared.View().Services
	for c := range r.shared.Conns().All() {
		var copied conntrack.Conn
		conntrack.Imagine(c, &copied)
		of := services.Server(c.Server).Of
		all := want[of]
		all.Add(&copied, 1)
		want[of] = all
	}
	for _, s := range services.Servers() {
		if s == nil {
			continue
		}
		var got conntrack.Crowds
		for i := range s.Unassured {
			got[i] = int32(s.Unassured[i].Load())
		}
		if got != want[s.Of] {
			r.t.Errorf("service %v counts %v connections that are not assured, want %v", s.Of, got, want[s.Of])
		}
	}
}

// counts returns the sum of the counters of all workers.
func (r *rig) counts() dataplane.Counts {
	var sum dataplane.Counts
	for _, w := range r.workers {
		c := w.Counts()
		for i := range sum.Rx {
			sum.Rx[i] += c.Rx[i]
			sum.Tx[i] += c.Tx[i]
			sum.Completed[i] += c.Completed[i]
			sum.Wrong[i] += c.Wrong[i]
		}
		for i := range sum.Host {
			sum.Host[i] += c.Host[i]
			sum.Drops[i] += c.Drops[i]
		}
		sum.Handoff += c.Handoff
		sum.Conns += c.Conns
		sum.Expired += c.Expired
		sum.Doubted += c.Doubted
		sum.Untracked += c.Untracked
		for i, n := range c.Batches {
			sum.Batches[i] += n
		}
	}
	return sum
}

// fromClient returns a frame of a client as it arrives on eth0.
func fromClient(port int, f packettest.Frame) []byte {
	f.SrcMAC, f.DstMAC = clientMAC, eth0MAC
	if f.Src == "" {
		f.Src = netip.AddrPortFrom(netip.MustParseAddr(clientIP), uint16(port)).String()
	}
	if f.Dst == "" {
		f.Dst = vip + ":80"
	}
	return f.Bytes()
}

// fromServer returns an answer of server n to the client as it arrives on eth1.
func fromServer(n, port int, f packettest.Frame) []byte {
	f.SrcMAC, f.DstMAC = serverMAC(n), eth1MAC
	if f.Src == "" {
		f.Src = serverIP(n) + ":8080"
	}
	f.Dst = netip.AddrPortFrom(netip.MustParseAddr(clientIP), uint16(port)).String()
	return f.Bytes()
}

// answerAll makes the servers take every frame that reached them. If the method is
// masquerading and flags is not empty, they answer each frame, on the queue after the
// one that sent it.
func (r *rig) answerAll(method service.Method, flags string) {
	r.t.Helper()
	for q, p := range r.ports[1] {
		for _, f := range p.Take() {
			if method != service.NAT || flags == "" {
				continue
			}
			d := packettest.Decode(r.t, f)
			answer := fromServer(int(d.IP.DstIP[3])-10, int(d.TCP.SrcPort), packettest.Frame{Flags: flags})
			r.ports[1][(q+1)%len(r.ports[1])].Push(answer)
		}
	}
	r.step()
}

// one returns the single frame that port sent, decoded.
func (r *rig) one(p *memport.Port) *packettest.Decoded {
	r.t.Helper()
	sent := p.Take()
	if len(sent) != 1 {
		r.t.Fatalf("%d frames sent, want 1; counts %+v", len(sent), r.counts())
	}
	return packettest.Decode(r.t, sent[0])
}

// load returns the numbers of active and of all connections of server n of the TCP
// service.
func (r *rig) load(n int) (active, total int64) {
	s := r.shared.View().Services.Server(uint32(n - 1))
	return s.Load.Active.Load(), s.Load.Total.Load()
}

func mustPrefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
