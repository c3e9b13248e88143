package dataplane_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"director/dataplane"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

const (
	churnWorkers = 3
	churnRounds  = 800 // rounds of each worker
)

// churn is a director whose workers forward packets while the shared state, the rules
// and the time change.
type churn struct {
	*rig
	seed    uint64
	frames  [][]byte // frames of clients, and some for other hosts
	specs   []service.Spec
	working sync.WaitGroup
	steps   [churnWorkers]atomic.Int64 // number of steps of each worker
	ticks   []chan struct{}            // one for each other goroutine, which continues with the workers' steps
	servers map[*service.Server]bool   // all servers that have existed

	collected [churnWorkers]int64 // steps at the last Collect

	pushed, own, hosted, decoded, answered atomic.Int64
	sent                                   [2]atomic.Int64 // by interface
}

// Several workers look up, insert and expire connections of one table. Meanwhile
// other goroutines change services, servers, weights, tunables, next hops and the
// time, and list the connections. The race detector must not find a race. At the end
// no connection is left, no server counts a connection, and each frame is in exactly
// one counter.
func TestWorkers_KeepCountWhileEverythingChanges(t *testing.T) {
	for name, size := range map[string]int{"roomy": 20_000, "crowded": 300, "too small": 60} {
		t.Run(name, func(t *testing.T) {
			c := newChurn(t, testSeed(t), size)
			c.run()
			c.finish()
			c.checkFrames()
			c.checkServers()
		})
	}
}

func newChurn(t *testing.T, seed uint64, size int) *churn {
	t.Helper()
	c := &churn{
		rig:  newRig(t, options{queues: [2]int{churnWorkers, churnWorkers - 1}, size: size, unordered: true, seed: seed}),
		seed: seed, servers: map[*service.Server]bool{},
	}
	c.specs = append(c.rig.specs,
		churnService(81, packet.ProtoTCP, service.DR, 81),
		churnService(82, packet.ProtoTCP, service.TUN, 82),
		churnService(83, packet.ProtoTCP, service.NAT, 8083),
		churnService(84, packet.ProtoUDP, service.NAT, 8084),
		churnService(21, packet.ProtoTCP, service.NAT, 2121), // FTP, with its helper
	)
	c.specs[4].Persistent = 50
	c.specs[5].OnePacket = true
	for _, s := range c.specs[2:] {
		if err := c.control.AddService(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range c.specs {
		c.addClients(s.Port, s.Proto == packet.ProtoUDP)
	}
	for id := range uint16(30) {
		first, later := inTwo(fromClient, id, packettest.Frame{})
		c.frames = append(c.frames, first, later)
	}
	notOurs := fromClient(1000, packettest.Frame{Flags: "S"})
	copy(notOurs, eth1MAC[:])
	arp := make([]byte, 60)
	copy(arp, eth0MAC[:])
	arp[12], arp[13] = 8, 6
	c.frames = append(c.frames, notOurs, arp, fromClient(1000, packettest.Frame{Flags: "S", Dst: vip + ":9999"}))
	return c
}

// churnService returns a service with two servers.
func churnService(port uint16, proto uint8, method service.Method, serverPort uint16) service.Spec {
	s := service.Spec{Key: service.Key{Addr: packet.MustAddr(vip), Port: port, Proto: proto}, Scheduler: "wlc"}
	for n := range 2 {
		s.Servers = append(s.Servers, service.ServerSpec{
			Addr: packet.MustAddr(serverIP(n + 1)), Port: serverPort, Method: method, Weight: 1,
		})
	}
	return s
}

// addClients adds frames of clients of a service.
func (c *churn) addClients(port uint16, udp bool) {
	flags := []string{"S", "S", "A", "A", "PA", "FA", "R"}
	if udp {
		flags = []string{""}
	}
	for n := range 60 {
		for _, f := range flags {
			c.frames = append(c.frames, from(n%20, 1000+n, packettest.Frame{
				Dst: fmt.Sprintf("%s:%d", vip, port), Flags: f, UDP: udp,
			}))
		}
	}
}

// run runs all goroutines until the workers have made their rounds.
func (c *churn) run() {
	var others sync.WaitGroup
	for i, other := range []func(r *rand.Rand){c.change, c.moveClock, c.list} {
		tick := make(chan struct{}, 1)
		c.ticks = append(c.ticks, tick)
		others.Go(func() {
			r := rand.New(rand.NewPCG(c.seed, uint64(100+i)))
			for range tick {
				other(r)
				for range r.IntN(3) {
					runtime.Gosched()
				}
			}
		})
	}
	for id := range c.rig.workers {
		c.working.Go(func() { c.work(id) })
	}
	c.working.Wait()
	for _, tick := range c.ticks {
		close(tick)
	}
	others.Wait()
}

// work makes the steps of one worker. It also pushes frames to random queues.
func (c *churn) work(id int) {
	r := rand.New(rand.NewPCG(c.seed, uint64(id)))
	w := c.rig.workers[id]
	for range churnRounds {
		for range r.IntN(16) {
			c.push(r, 0, c.frames[r.IntN(len(c.frames))])
		}
		if _, err := w.Step(); err != nil {
			c.t.Error(err)
		}
		c.steps[id].Add(1)
		c.take(r, id)
		select {
		case c.ticks[r.IntN(len(c.ticks))] <- struct{}{}:
		default:
		}
		if r.IntN(4) == 0 {
			runtime.Gosched()
		}
	}
	c.steps[id].Add(1 << 32) // nobody must wait for a further step
}

// push pushes a frame to a random queue of an interface.
func (c *churn) push(r *rand.Rand, iface int, frame []byte) {
	c.pushed.Add(1)
	c.ports[iface][r.IntN(len(c.ports[iface]))].Push(frame)
}

// take takes the frames that the worker's queues have sent. The real servers answer
// some of those that they received, unless r is nil.
func (c *churn) take(r *rand.Rand, id int) {
	for iface, queues := range c.ports {
		if id >= len(queues) {
			continue
		}
		c.hosted.Add(int64(len(c.hosts[iface][id].Take())))
		for _, f := range queues[id].Take() {
			c.sent[iface].Add(1)
			c.judge(iface, f)
			if r != nil && r.IntN(8) == 0 {
				c.decode(r, iface, f)
			}
		}
	}
}

// judge checks the addresses of a sent frame. It counts the frames that the director
// itself originated.
func (c *churn) judge(iface int, f []byte) {
	eth, ip := packet.Eth(f), packet.IPv4(f[packet.EthLen:])
	if iface == 1 {
		if mac := eth.Dst(); mac[3] != 2 || mac[5] < 11 || mac[5] > 14 {
			c.t.Errorf("a frame to %v on the servers' side: % x", mac, f)
		}
		return
	}
	if eth.Dst() != clientMAC || ip.Src() != packet.MustAddr(vip).V4() {
		c.t.Errorf("a frame to %v from %v on the clients' side: % x", eth.Dst(), packet.AddrFrom4(ip.Src()), f)
	}
	if ip.TTL() == 64 { // forwarded packets have a lower TTL
		c.own.Add(1)
	}
}

// decode decodes a frame with gopacket. Masquerading servers answer it.
func (c *churn) decode(r *rand.Rand, iface int, f []byte) {
	ip := packet.IPv4(f[packet.EthLen:])
	if ip.FlagsOffset()&(packet.IPv4MF|packet.IPv4OffsetMask) != 0 || ip.Proto() == packet.ProtoICMP || ip.Proto() == packet.ProtoGRE {
		return // not a whole TCP or UDP packet
	}
	d, err := packettest.Read(f)
	if err != nil {
		c.t.Errorf("%v\n% x", err, f)
		return
	}
	c.decoded.Add(1)
	if iface == 0 || d.Outer != nil || ip.Dst() == packet.MustAddr(vip).V4() {
		return
	}
	answer := packettest.Frame{SrcMAC: packet.MAC(d.Eth.DstMAC), DstMAC: eth1MAC, UDP: d.UDP != nil}
	to, from := 0, 0
	if d.UDP != nil {
		to, from = int(d.UDP.SrcPort), int(d.UDP.DstPort)
	} else {
		to, from = int(d.TCP.SrcPort), int(d.TCP.DstPort)
		answer.Flags = []string{"SA", "A", "FA", "R"}[r.IntN(4)]
	}
	answer.Src, answer.Dst = fmt.Sprintf("%s:%d", d.IP.DstIP, from), fmt.Sprintf("%s:%d", d.IP.SrcIP, to)
	c.answered.Add(1)
	c.push(r, 1, answer.Bytes())
}

// moveClock advances the clock, mostly by little and sometimes so much that
// connections expire.
func (c *churn) moveClock(r *rand.Rand) {
	most := 100 * time.Millisecond
	switch r.IntN(10) {
	case 0:
		most = 100 * time.Second
	case 1, 2, 3:
		most = 5 * time.Second
	}
	c.clock.Advance(time.Duration(r.Int64N(int64(most))))
}

// list checks the listings that an operator sees.
func (c *churn) list(r *rand.Rand) {
	switch r.IntN(3) {
	case 0:
		c.control.Services()
		c.rig.workers[r.IntN(churnWorkers)].Counts()
	case 1:
		for _, conn := range c.control.Connections() {
			if got := conn.Virtual.Addr().String(); got != vip {
				c.t.Errorf("a connection to %s is listed: %+v", got, conn)
			}
		}
	case 2:
		for info := range c.shared.Conns().All() {
			if c.shared.View().Services.Server(info.Server) != nil {
				continue
			}
			if _, live := c.shared.Conns().Get(info.ID); live {
				c.t.Errorf("a connection to the unknown server %d: %+v", info.Server, info.Key)
			}
		}
	}
}

// finish lets the workers handle the remaining frames, and all connections expire.
func (c *churn) finish() {
	c.t.Helper()
	settle := func() {
		c.step()
		for id := range c.rig.workers {
			c.take(nil, id)
		}
	}
	settle()
	const rounds = 20
	for i := 0; c.shared.Conns().Used() > 0 || i < 2; i++ {
		if i == rounds {
			c.t.Fatalf("%d connections do not end", c.shared.Conns().Used())
		}
		c.clock.Advance(1000 * time.Second)
		for _, w := range c.rig.workers {
			w.ExpireAll()
		}
		settle()
	}
}

// checkFrames checks that each frame is counted once.
func (c *churn) checkFrames() {
	c.t.Helper()
	n := c.counts()
	rx, dropped, hosted := int64(n.Rx[0]+n.Rx[1]), int64(0), int64(0)
	for i := range n.Drops {
		dropped += int64(n.Drops[i])
		hosted += int64(n.Host[i])
	}
	if rx != c.pushed.Load() {
		c.t.Errorf("%d frames received, %d pushed", rx, c.pushed.Load())
	}
	for iface := range c.ports {
		if tx := int64(n.Tx[iface]); tx != c.sent[iface].Load() {
			c.t.Errorf("interface %d: %d frames counted as sent, %d sent", iface, tx, c.sent[iface].Load())
		}
	}
	if hosted != c.hosted.Load() {
		c.t.Errorf("%d frames counted for the kernel, it received %d", hosted, c.hosted.Load())
	}
	if in, out := rx+c.own.Load(), int64(n.Tx[0]+n.Tx[1])+hosted+dropped; in != out {
		c.t.Errorf("%d frames came and %d are our own, %d were sent, %d left to the kernel and %d dropped, %d too many; %+v",
			rx, c.own.Load(), n.Tx[0]+n.Tx[1], hosted, dropped, out-in, n)
	}
	// The test is useful only if all of this happened.
	if n.Conns < 200 || n.Expired < 50 || n.Handoff == 0 || c.own.Load() == 0 || c.decoded.Load() < 200 || c.answered.Load() < 50 {
		c.t.Errorf("too few frames: %d decoded, %d answered, %d originated; %+v", c.decoded.Load(), c.answered.Load(), c.own.Load(), n)
	}
}

// checkServers checks that no server counts a connection that has ended.
func (c *churn) checkServers() {
	c.t.Helper()
	c.note()
	for s := range c.servers {
		if a, n, p := s.Load.Active.Load(), s.Load.Total.Load(), s.Persistent.Load(); a != 0 || n != 0 || p != 0 {
			c.t.Errorf("server %d, %v port %d of %+v, counts %d active of %d connections and %d templates, want none",
				s.ID, s.Addr, s.Port, s.Of, a, n, p)
		}
	}
	if n := dataplane.Remembered(c.shared); n != 0 {
		c.t.Errorf("helpers have state of %d connections that have ended", n)
	}
}
