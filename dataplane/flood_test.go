package dataplane_test

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"director/conntrack"
	"director/dataplane"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

const (
	floodSize    = 1024 // size of the table, which has 8 shards
	floodWorkers = 2
	floodHalf    = packet.BatchSize / 2 // half of a batch: SYNs, or packets of established connections
	firstPort    = 1000                 // first port of the clients
)

// flood is a director with a full table that receives SYNs of new clients.
type flood struct {
	*rig
	method  service.Method
	server  []byte   // last byte of the server's Ethernet address, by established connection
	acks    [][]byte // a client's packet, by established connection
	answers [][]byte // a server's packet, by established connection, if answers pass the director
	syns    [][]byte // one SYN of each client of the flood
	next    int      // index of the next SYN
	seen    []int    // number of sent packets, by established connection
}

// While SYNs flood a full table, every packet of an established connection goes to
// its server, and the flood uses the other entries.
func TestFlood_CostsNoEstablishedConnection(t *testing.T) {
	for name, established := range map[string]int{"half of the table": floodSize / 2, "all of the table": floodSize} {
		for _, method := range []service.Method{service.NAT, service.DR, service.TUN} {
			t.Run(name+" by "+method.String(), func(t *testing.T) {
				f := newFlood(t, method, established)
				before := f.counts()
				const rounds = 3 * floodSize / (floodWorkers * floodHalf)
				at := 0
				for range rounds {
					at = f.round(at)
					f.clock.Advance(time.Second / 4) // what is younger than a second may be spared
				}
				f.check(before, rounds*floodWorkers*floodHalf)
			})
		}
	}
}

func newFlood(t *testing.T, method service.Method, established int) *flood {
	t.Helper()
	f := &flood{
		rig:    newRig(t, options{queues: [2]int{floodWorkers, floodWorkers}, size: floodSize, method: method, unordered: true}),
		method: method, server: make([]byte, established), seen: make([]int, established),
	}
	syns := [][]byte{}
	for n := range established {
		syns = append(syns, fromClient(firstPort+n, packettest.Frame{Flags: "S"}))
		f.acks = append(f.acks, fromClient(firstPort+n, packettest.Frame{Flags: "A"}))
	}
	for client := range 50 {
		f.syns = append(f.syns, from(client, 0, packettest.Frame{Flags: "S"}))
	}
	f.ports[0][0].Push(syns...)
	f.step()
	if method == service.NAT {
		f.answerSYNs()
	}
	f.ports[0][1].Push(f.acks...)
	f.step()
	for q := range f.ports[1] {
		for _, frame := range f.ports[1][q].Take() {
			if n, ok := f.number(frame); ok {
				f.server[n] = packet.Eth(frame).Dst()[5]
			}
		}
	}
	for n := range f.server {
		if method == service.NAT {
			f.answers = append(f.answers, fromServer(int(f.server[n])-10, firstPort+n, packettest.Frame{Flags: "A"}))
		}
	}
	for f.shared.Conns().Used() < floodSize {
		f.ports[0][0].Push(f.syn())
		f.step()
	}
	f.clock.Advance(2 * time.Second) // a flood does not take the room of younger ones
	f.ports[1][0].Take()
	return f
}

// answerSYNs lets the servers answer the SYNs of the established connections.
func (f *flood) answerSYNs() {
	for q := range f.ports[1] {
		for _, frame := range f.ports[1][q].Take() {
			if n, ok := f.number(frame); ok {
				server := int(packet.Eth(frame).Dst()[5]) - 10
				f.ports[1][q].Push(fromServer(server, firstPort+n, packettest.Frame{Flags: "SA"}))
			}
		}
	}
	f.step()
	f.ports[0][0].Take()
	f.ports[0][1].Take()
}

// number returns the number of the established connection of a frame to the servers.
// It returns false for the flood.
func (f *flood) number(frame []byte) (n int, ok bool) {
	ip := packet.IPv4(frame[packet.EthLen:])
	if f.method == service.TUN {
		ip = ip[packet.IPv4Len:]
	}
	port := packet.L4(ip[packet.IPv4Len:]).SrcPort()
	return int(port) - firstPort, packet.AddrFrom4(ip.Src()).String() == clientIP
}

// syn returns the first packet of a new client. Its TCP checksum is wrong, because it
// is that of another port; the director does not check it.
func (f *flood) syn() []byte {
	frame := f.syns[f.next%len(f.syns)]
	binary.BigEndian.PutUint16(frame[packet.EthLen+packet.IPv4Len:], uint16(firstPort+f.next/len(f.syns)))
	f.next++
	return frame
}

// round lets all workers handle a batch at the same time and checks the sent frames.
// Half of each batch is from the flood. The other half are packets of the established
// connections from number at on.
func (f *flood) round(at int) (next int) {
	f.t.Helper()
	for q := range f.workers {
		for range floodHalf {
			f.ports[0][q].Push(f.acks[at%len(f.acks)], f.syn())
			if f.method == service.NAT {
				f.ports[1][q].Push(f.answers[at%len(f.acks)])
			}
			at++
		}
	}
	var all sync.WaitGroup
	for _, w := range f.workers {
		all.Go(func() {
			if _, err := w.Step(); err != nil {
				f.t.Error(err)
			}
		})
	}
	all.Wait()
	for q := range f.ports[1] {
		for _, frame := range f.ports[1][q].Take() {
			n, ok := f.number(frame)
			if !ok {
				continue
			}
			f.seen[n]++
			if to := packet.Eth(frame).Dst()[5]; to != f.server[n] {
				f.t.Fatalf("established connection %d goes to server %d, its server was %d", n, to-10, f.server[n]-10)
			}
		}
	}
	return at
}

// check checks the counters after syns SYNs and as many packets of established
// connections.
func (f *flood) check(before dataplane.Counts, syns int) {
	f.t.Helper()
	sum := 0
	for n, packets := range f.seen {
		sum += packets
		if want := syns / len(f.seen); packets < want {
			f.t.Errorf("%d packets of established connection %d were sent, want at least %d", packets, n, want)
		}
	}
	after := f.counts()
	back := 0
	if f.method == service.NAT {
		back = syns // one answer for each SYN
	}
	toServers, toClients := int(after.Tx[1]-before.Tx[1]), int(after.Tx[0]-before.Tx[0])
	if sum != syns || toServers != 2*syns || toClients != back || after.Drops != before.Drops || after.Host != before.Host {
		f.t.Errorf("%d packets of established connections were sent, %d in all, and %d to clients, want %d, %d and %d; drops %v",
			sum, toServers, toClients, syns, 2*syns, back, after.Drops)
	}
	made, untracked := int(after.Conns-before.Conns), int(after.Untracked-before.Untracked)
	switch full := len(f.seen) == floodSize; {
	case made+untracked != syns, full && made != 0, !full && untracked > syns/10:
		f.t.Errorf("%d SYNs made a connection and %d went without, of %d", made, untracked, syns)
	}
	held := 0
	for info := range f.shared.Conns().All() {
		if info.State == conntrack.TCPEstablished {
			held++
		}
	}
	if held != len(f.seen) || f.shared.Conns().Used() != floodSize {
		f.t.Errorf("%d established connections of %d are left, %d in all", held, len(f.seen), f.shared.Conns().Used())
	}
}
