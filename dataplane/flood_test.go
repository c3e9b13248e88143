package dataplane_test

import (
	"encoding/binary"
	"sync"
	"testing"

	"director/conntrack"
	"director/dataplane"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

const (
	floodSize    = 1024 // of the table: 8 shards
	floodWorkers = 2
	floodHalf    = packet.BatchSize / 2 // of a batch: SYNs, or packets of the established
	firstPort    = 1000                 // of the clients
)

// flood is a full table that SYNs of ever new clients meet.
type flood struct {
	*rig
	method  service.Method
	server  []byte   // of each established connection, as its Ethernet address ends
	acks    [][]byte // of each
	answers [][]byte // of their servers, where they come by
	syns    [][]byte // one of each client of the flood
	next    int      // SYN
	seen    []int    // packets of each established connection that were sent
}

// While SYNs flood a table that is full, every packet of an established connection
// goes where its first one went, and the flood is served from what is left.
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
	f.ports[1][0].Take()
	return f
}

// number returns which of the established connections a frame to the servers
// belongs to; false for the flood.
func (f *flood) number(frame []byte) (n int, ok bool) {
	ip := packet.IPv4(frame[packet.EthLen:])
	if f.method == service.TUN {
		ip = ip[packet.IPv4Len:]
	}
	port := packet.L4(ip[packet.IPv4Len:]).SrcPort()
	return int(port) - firstPort, packet.AddrFrom4(ip.Src()).String() == clientIP
}

// syn is the first packet of a client that was not seen before. The checksum of its
// segment is that of another port, which is nobody's business here.
func (f *flood) syn() []byte {
	frame := f.syns[f.next%len(f.syns)]
	binary.BigEndian.PutUint16(frame[packet.EthLen+packet.IPv4Len:], uint16(firstPort+f.next/len(f.syns)))
	f.next++
	return frame
}

// round has each worker take a batch, all at the same time, half of it from the
// flood, and looks at what was sent. The packets of the established are those from
// number at on.
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
				f.t.Fatalf("established connection %d goes to server %d, it was with %d", n, to-10, f.server[n]-10)
			}
		}
	}
	return at
}

// check looks at the counters after so many SYNs, and as many packets of
// established connections.
func (f *flood) check(before dataplane.Counts, syns int) {
	f.t.Helper()
	sum := 0
	for n, packets := range f.seen {
		sum += packets
		if want := syns / len(f.seen); packets < want {
			f.t.Errorf("%d packets of established connection %d were sent, at least %d came", packets, n, want)
		}
	}
	after := f.counts()
	back := 0
	if f.method == service.NAT {
		back = syns // one came for each
	}
	toServers, toClients := int(after.Tx[1]-before.Tx[1]), int(after.Tx[0]-before.Tx[0])
	if sum != syns || toServers != 2*syns || toClients != back || after.Drops != before.Drops || after.Host != before.Host {
		f.t.Errorf("%d packets of established connections were sent, %d in all, and %d to clients, want %d, %d and %d; drops %v",
			sum, toServers, toClients, syns, 2*syns, back, after.Drops)
	}
	made, unnoted := int(after.Conns-before.Conns), int(after.Unnoted-before.Unnoted)
	switch full := len(f.seen) == floodSize; {
	case made+unnoted != syns, full && made != 0, !full && unnoted > syns/10:
		f.t.Errorf("%d SYNs made a connection and %d went without, of %d", made, unnoted, syns)
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
