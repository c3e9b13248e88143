package dataplane_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"director/conntrack"
	"director/internal/packettest"
	"director/neigh"
	"director/packet"
	"director/service"
)

const otherVIP = "192.0.2.11"

// traffic is random traffic of few clients, so that their connections have enough
// packets for hit.go. The rules and the network change meanwhile. TestMain compares
// the results of all ways: see ways.
type traffic struct {
	*rig
	*rand.Rand
	kinds    []service.ServerSpec // what servers 1, 2, ... are
	oneArmed bool
	partial  bool         // some frames have partial checksums
	out      map[int]bool // the servers that are removed
}

var (
	ipip      = packet.Tunnel{}
	gue       = packet.Tunnel{Encap: packet.GUE, Port: 6080}
	gre       = packet.Tunnel{Encap: packet.GRE, Checksum: packet.WithChecksum}
	natServer = service.ServerSpec{Method: service.NAT, Port: 8080, Weight: 1}
	samePort  = service.ServerSpec{Method: service.NAT, Port: 80, Weight: 1}
	drServer  = service.ServerSpec{Method: service.DR, Port: 80, Weight: 1}
	tunServer = service.ServerSpec{Method: service.TUN, Port: 80, Weight: 1, Tunnel: ipip}
	gueServer = service.ServerSpec{Method: service.TUN, Port: 80, Weight: 1, Tunnel: gue}
	greServer = service.ServerSpec{Method: service.TUN, Port: 80, Weight: 1, Tunnel: gre}
)

func TestTraffic_IsTheSameInAllWays(t *testing.T) {
	for name, c := range map[string]struct {
		kinds      []service.ServerSpec
		queues     [2]int
		persistent uint32
		oneArmed   bool
		partial    bool
	}{
		"masqueraded":   {kinds: []service.ServerSpec{natServer, samePort, natServer}},
		"direct":        {kinds: []service.ServerSpec{drServer, drServer}},
		"tunnelled":     {kinds: []service.ServerSpec{tunServer, tunServer}},
		"mixed":         {kinds: []service.ServerSpec{natServer, drServer, tunServer, gueServer, greServer}[:4]},
		"other tunnels": {kinds: []service.ServerSpec{greServer, gueServer, tunServer}},
		"persistent":    {kinds: []service.ServerSpec{natServer, natServer, drServer}, persistent: 300},
		"several":       {kinds: []service.ServerSpec{natServer, tunServer, drServer}, queues: [2]int{3, 2}},
		"partial":       {kinds: []service.ServerSpec{natServer, drServer, tunServer, natServer}, partial: true},
		"one interface": {kinds: []service.ServerSpec{natServer, tunServer, drServer}, oneArmed: true},
	} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("%s %d", name, seed), func(t *testing.T) {
				tr := &traffic{
					rig:  newRig(t, options{queues: c.queues, size: 2000, partial: c.partial}),
					Rand: rand.New(rand.NewPCG(seed, 14)), kinds: slices.Clone(c.kinds), oneArmed: c.oneArmed, partial: c.partial, out: map[int]bool{},
				}
				tr.trace.room = 4 << 20
				tr.offer(c.persistent)
				if c.oneArmed {
					tr.reroute()
				}
				rounds := 250
				if raceEnabled { // one worker works at a time, so there is no race to find
					rounds = 10
				}
				for range rounds {
					tr.round()
				}
			})
		}
	}
}

// offer replaces the services of the rig.
func (tr *traffic) offer(persistent uint32) {
	var specs []service.Spec
	for _, k := range []service.Key{
		{Addr: packet.MustAddr(vip), Proto: packet.ProtoTCP, Port: 80},
		{Addr: packet.MustAddr(vip), Proto: packet.ProtoUDP, Port: 80},
		{Addr: packet.MustAddr(vip), Proto: packet.ProtoTCP, Port: 21},
		{Addr: packet.MustAddr(otherVIP), Proto: packet.ProtoTCP, Port: 80},
	} {
		s := service.Spec{Key: k, Scheduler: "rr", Persistent: persistent, HostMask: 0}
		for i := range tr.kinds {
			s.Servers = append(s.Servers, tr.server(i, k.Port))
		}
		specs = append(specs, s)
	}
	tr.must(tr.control.Replace(specs))
}

// server returns the specification of server i+1 of the service on a port.
func (tr *traffic) server(i int, port uint16) service.ServerSpec {
	s := tr.kinds[i]
	s.Addr = packet.MustAddr(serverIP(i + 1))
	if s.Method != service.NAT {
		s.Port = port
	}
	return s
}

func (tr *traffic) must(err error) {
	tr.t.Helper()
	if err != nil {
		tr.t.Fatal(err)
	}
}

// reroute moves the servers to the clients' side.
func (tr *traffic) reroute() {
	tr.net.Routes[1].Link = 2
	for i := range tr.net.Neighbors {
		tr.net.Neighbors[i].Link = 2
	}
	tr.control.Refresh()
}

// round sends some frames and sometimes makes a change.
func (tr *traffic) round() {
	if tr.IntN(4) == 0 {
		tr.change()
	}
	if tr.IntN(3) == 0 {
		tr.clock.Advance([]time.Duration{1, time.Millisecond, time.Second, 3 * time.Second, 20 * time.Second, 130 * time.Second}[tr.IntN(6)])
	}
	var conns []conntrack.Record
	for s := range tr.shared.Conns().Dump() {
		if s.Kind&conntrack.Template == 0 && s.ClientPort != 0 {
			conns = append(conns, *s)
		}
	}
	for range 1 + tr.IntN(6) {
		tr.burst(conns)
	}
	tr.step()
	tr.settled()
	for _, ports := range tr.ports {
		for _, p := range ports {
			p.Take()
		}
	}
}

// burst sends frames or answers of one connection. The connection need not exist.
func (tr *traffic) burst(conns []conntrack.Record) {
	c := conntrack.Record{Key: conntrack.Key{
		Client:     packet.MustAddr(fmt.Sprintf("198.51.100.%d", 100+tr.IntN(3))),
		ClientPort: uint16(20000 + tr.IntN(4)), Proto: packet.ProtoTCP,
		Virtual: packet.MustAddr(vip), VirtualPort: 80,
	}}
	if tr.IntN(3) == 0 {
		c.Proto = packet.ProtoUDP
	} else if tr.IntN(6) == 0 {
		c.VirtualPort = 21
	} else if tr.IntN(3) == 0 {
		c.Virtual = packet.MustAddr(otherVIP)
	}
	if len(conns) > 0 && tr.IntN(6) > 0 {
		c = conns[tr.IntN(len(conns))]
	}
	answer := c.Addr.V4() != 0 && service.Method(c.Method) == service.NAT && tr.IntN(2) == 0
	usual := tr.IntN(3) > 0
	if c.Addr.V4() != 0 && tr.IntN(10) == 0 { // of a server whose answers do not pass through the director, or of no server
		answer = true
		c.Addr = packet.AddrFrom4(c.Addr.V4() ^ tr.Uint32N(2))
		c.Port ^= uint16(tr.Uint32N(2))
	}
	for range 1 + tr.IntN(12) {
		tr.send(&c, answer, usual)
	}
}

// lengths are lengths of packets, many of them near the limits.
var lengths = []int{0, 46, 47, 66, 67, 68, 69, 87, 88, 89, 200, 555, 556, 557, 575, 576, 577, 1359, 1360, 1361,
	1379, 1380, 1381, 1399, 1400, 1401, 1451, 1452, 1453, 1479, 1480, 1481, 1499, 1500}

// send pushes one frame. A usual frame changes only deadlines.
func (tr *traffic) send(c *conntrack.Record, answer, usual bool) {
	f := packettest.Frame{UDP: c.Proto == packet.ProtoUDP, Flags: "A", ID: uint16(tr.Uint32()), Seq: tr.Uint32()}
	f.DF = tr.IntN(2) == 0
	length := lengths[tr.IntN(len(lengths))]
	if usual {
		f.Flags = []string{"A", "PA"}[tr.IntN(2)]
	} else {
		f.Flags = []string{"A", "S", "SA", "F", "FA", "R", "RA", "", "P", "SF"}[tr.IntN(10)]
		f.TTL = []uint8{64, 64, 255, 1, 2, 3}[tr.IntN(6)]
		f.TOS = uint8(tr.Uint32())
		f.NoChecksum = tr.IntN(3) == 0
		f.MF = tr.IntN(40) == 0
		f.Options = []int{0, 0, 0, 0, 4, 40}[tr.IntN(6)]
	}
	headers := packet.IPv4Len + f.Options + packet.TCPLen
	if f.UDP {
		headers = packet.IPv4Len + f.Options + packet.UDPLen
	}
	f.Payload = make([]byte, max(8, length-headers))
	binary.BigEndian.PutUint64(f.Payload, tr.Uint64())
	client, virtual := netip.AddrPortFrom(c.Client.Netip(), c.ClientPort).String(), netip.AddrPortFrom(c.Virtual.Netip(), c.VirtualPort).String()
	server := netip.AddrPortFrom(c.Addr.Netip(), c.Port).String()
	from := 0
	f.DstMAC, f.SrcMAC, f.Src, f.Dst = eth0MAC, clientMAC, client, virtual
	if answer {
		f.Src, f.Dst = server, client
		if !tr.oneArmed {
			f.DstMAC, from = eth1MAC, 1
		}
	}
	if c.Addr.V4() != 0 && tr.IntN(8) == 0 {
		tr.zeroChecksum(f, answer, server, virtual)
	}
	b := f.Bytes()
	if tr.partial && tr.IntN(2) == 0 {
		b = packettest.Partial(b)
	}
	if !usual {
		b = tr.damage(b)
	}
	tr.ports[from][tr.IntN(len(tr.ports[from]))].Push(b)
}

// zeroChecksum chooses the payload of f so that its checksum becomes 0 when the frame
// is masqueraded. In a datagram it is then written as 0xffff.
func (tr *traffic) zeroChecksum(f packettest.Frame, answer bool, server, virtual string) {
	f.NoChecksum, f.MF = false, false
	if answer {
		f.Src = virtual
	} else {
		f.Dst = server
	}
	clear(f.Payload[:2])
	b := f.Bytes()
	at := packet.EthLen + packet.IPv4Len + f.Options + 16
	if f.UDP {
		at -= 10
	}
	copy(f.Payload, b[at:at+2])
}

// damage damages some frames.
func (tr *traffic) damage(b []byte) []byte {
	ip := packet.IPv4(b[packet.EthLen:])
	header := ip.HeaderLen()
	switch tr.IntN(12) {
	case 0: // a bit of the headers
		bit := 12*8 + tr.IntN(50*8)
		b[bit/8%len(b)] ^= 1 << (bit % 8)
	case 1: // a bit of the IPv4 header, with a checksum that fits
		bit := tr.IntN(packet.IPv4Len * 8)
		if tr.IntN(2) == 0 {
			bit %= 8 // of the version and the header's length
		}
		ip[bit/8] ^= 1 << (bit % 8)
		ip.SetChecksum(0)
		ip.SetChecksum(^packet.Sum(ip[:header], 0))
	case 2: // a length that contradicts the frame's, or leaves padding
		ip.SetTotalLen(uint16(packet.IPv4Len + tr.IntN(len(ip)-packet.IPv4Len+4)))
		ip.SetChecksum(0)
		ip.SetChecksum(^packet.Sum(ip[:header], 0))
	case 6: // a checksum that is nearly right: off by one or right modulo 255
		ip.SetChecksum(binary.BigEndian.Uint16(ip[10:]) + []uint16{1, 1<<16 - 1, 255}[tr.IntN(3)])
	case 3: // of another network
		b[tr.IntN(6)] ^= 1
	case 4:
		b = b[:tr.IntN(len(b))]
	case 5: // padding
		if len(b) < 1500 {
			b = append(b, 1, 2, 3, 4, 5, 6)
		}
	}
	return b
}

// change changes the rules, the host or the path to a server.
func (tr *traffic) change() {
	n := tr.IntN(len(tr.kinds))
	switch tr.IntN(10) {
	case 0:
		tr.must(tr.control.SetTimeouts(service.Timeouts{TCP: 900 - 500*tr.Uint32N(2), TCPFIN: 120 - 90*tr.Uint32N(2), UDP: 300 - 200*tr.Uint32N(2)}))
	case 1, 2:
		tr.toggle(n)
	case 3:
		name := []string{"expire_nodest_conn", "pmtu_disc", "expire_quiescent_template", "conn_reuse_mode", "sloppy_tcp"}[tr.IntN(5)]
		tr.must(tr.control.SetSysctl(name, fmt.Sprint(tr.IntN(2))))
	case 4:
		tr.net.Links[1].Up = tr.IntN(3) > 0
		tr.control.Refresh()
	case 5:
		tr.net.Neighbors = network(true).Neighbors
		if tr.IntN(3) == 0 { // the neighbour entry of server n+1 or of some clients is missing
			i := len(tr.net.Neighbors) - 4 + n
			tr.net.Neighbors = append(tr.net.Neighbors[:i:i], tr.net.Neighbors[i+1:]...)
			if tr.IntN(2) == 0 {
				tr.net.Neighbors = append([]neigh.Neighbor{}, tr.net.Neighbors[2:]...)
			}
		}
		if tr.oneArmed {
			tr.reroute()
		}
		tr.control.Refresh()
	case 6:
		tr.net.Routes[tr.IntN(2)].MTU = []int{0, 0, 1400, 576, 88, 87}[tr.IntN(6)]
		tr.control.Refresh()
	case 7:
		for _, s := range tr.shared.View().Services.Servers() {
			if s != nil && tr.IntN(2) == 0 {
				s.Path.Learn([]uint16{576, 600, 1400}[tr.IntN(3)], []uint16{576, 596}[tr.IntN(2)], tr.clock.Now())
			}
		}
	case 8:
		if tr.kinds[n].Method == service.TUN {
			tr.kinds[n].Tunnel = []packet.Tunnel{ipip, ipip, gue, gre}[tr.IntN(4)]
			tr.edit(n)
		}
	case 9:
		tr.kinds[n].Weight = tr.Int32N(2)
		tr.edit(n)
	}
}

// edit edits a server as tr.kinds says, unless it is removed.
func (tr *traffic) edit(n int) {
	for _, k := range tr.keys() {
		if !tr.out[n] {
			tr.must(tr.control.EditServer(k, tr.server(n, k.Port)))
		}
	}
}

// toggle removes a server or adds it again.
func (tr *traffic) toggle(n int) {
	for _, k := range tr.keys() {
		s := tr.server(n, k.Port)
		if tr.out[n] {
			tr.must(tr.control.AddServer(k, s))
		} else {
			tr.must(tr.control.DeleteServer(k, s.Addr, s.Port))
		}
	}
	tr.out[n] = !tr.out[n]
}

func (tr *traffic) keys() (keys []service.Key) {
	for _, s := range tr.control.Specs() {
		keys = append(keys, s.Key)
	}
	return keys
}
