package dataplane_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"director/packet"
	"director/service"
)

// dialogue is a connection of a client that is not forged.
type dialogue struct {
	of     *virtual
	client netip.AddrPort
	server int    // 1 to 4; 0: not known yet
	turn   int    // of both
	says   string // the side whose frame is on its way
	lost   bool   // a frame was lost, or went to another server
}

// forged is one kind of flood.
type forged struct {
	to       []*virtual
	says     []string // what each client says, in turn; nil: how a connection begins
	answered bool     // the server answers each forged packet
	turns    int      // of the connections that are established before; 0: three
	next     int
}

// pressured is a director under a flood.
type pressured struct {
	*rig
	flood   *forged
	pattern map[*virtual][][]byte // what each forged client sends, in turn
	answers [][]byte              // of the servers to forged packets of the last round
	open    map[netip.AddrPort]*dialogue
	clients int
}

const (
	pressureSize   = 4096 // of the table, which has 32 shards
	pressureRounds = 120
	pressureFlood  = 100 // forged packets a round
	pressureOpen   = 8   // established connections of each service; half of them are silent
)

// While a flood fills the table, of whatever kind, no established connection loses a
// packet or its server, those that are silent included, and clients can begin
// connections of all services.
func TestPressure_NeitherLosesAConnectionNorShutsAClientOut(t *testing.T) {
	if current.countFrom != 0 {
		t.Skip("whether a datagram flow is worth its room depends on the number of its packets")
	}
	tcp, udp, sticky, stickyUDP, assoc := &virtuals[0], &virtuals[1], &virtuals[2], &virtuals[3], &virtuals[4]
	direct, directUDP, tunnel, directAssoc := &virtuals[5], &virtuals[6], &virtuals[7], &virtuals[8]
	tunnelTCP, stickyDirect := &virtuals[9], &virtuals[10]
	all := []*virtual{tcp, udp, sticky, stickyUDP, assoc, direct, directUDP, tunnel, directAssoc, tunnelTCP, stickyDirect}
	for name, f := range map[string]forged{
		"SYNs":                       {to: []*virtual{tcp}},
		"SYNs that are answered":     {to: []*virtual{tcp}, answered: true},
		"SYNs, direct":               {to: []*virtual{direct}},
		"SYNs with FIN":              {to: []*virtual{tcp, direct}, says: []string{"SF"}},
		"SYN and ACK":                {to: []*virtual{tcp}, says: []string{"S", "A"}, answered: true},
		"SYN and ACK, direct":        {to: []*virtual{direct}, says: []string{"S", "A"}},
		"SYN and ACK, tunnelled":     {to: []*virtual{tunnelTCP}, says: []string{"S", "A"}},
		"SYN and ACK, sticky":        {to: []*virtual{stickyDirect}, says: []string{"S", "A"}},
		"INIT and COOKIE, direct":    {to: []*virtual{directAssoc}, says: []string{"INIT", "COOKIE-ECHO"}},
		"three datagrams":            {to: []*virtual{udp}, says: []string{"-", "-", "-"}},
		"SYNs and fragments":         {to: []*virtual{tcp}, says: []string{"S", "..."}},
		"datagrams":                  {to: []*virtual{udp}},
		"datagrams to many services": {to: []*virtual{udp, stickyUDP, directUDP, tunnel}},
		"five packets, direct":       {to: []*virtual{direct}, says: []string{"S", "A", "PA", "A", "A"}, turns: 8}, // fewer packets look forged, too
		"datagrams with an answer":   {to: []*virtual{udp}, answered: true},
		"datagrams, direct":          {to: []*virtual{directUDP}},
		"datagrams, tunnelled":       {to: []*virtual{tunnel}},
		"templates":                  {to: []*virtual{sticky}},
		"templates of datagrams":     {to: []*virtual{stickyUDP}},
		"associations":               {to: []*virtual{assoc}},
		"associations answered":      {to: []*virtual{assoc}, answered: true},
		"associations, direct":       {to: []*virtual{directAssoc}},
		"all kinds at the same time": {to: all},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPressured(t, f)
			var old []*dialogue
			for i := range virtuals {
				for range pressureOpen {
					old = append(old, p.begin(&virtuals[i]))
				}
			}
			for range max(3, f.turns) {
				p.exchange(old...)
			}
			for p.shared.Conns().Used() < pressureSize {
				p.exchange()
			}
			var busy, silent []*dialogue
			for i, d := range old {
				if i%2 == 0 {
					busy = append(busy, d)
				} else {
					silent = append(silent, d)
				}
			}
			fresh := p.rounds(busy)
			p.exchange(silent...)
			p.exchange(silent...)
			for _, d := range old {
				if d.lost {
					t.Errorf("%v of %v lost a packet or its server in turn %d", d.client, d.of, d.turn)
				}
			}
			for i := range virtuals {
				v := &virtuals[i]
				made, lost := 0, 0
				for _, d := range fresh {
					if d.of == v {
						made++
						if d.lost {
							lost++
						}
					}
				}
				if lost*100 > made {
					t.Errorf("%v: %d of %d new connections lost a packet or their server", v, lost, made)
				}
			}
			if used := p.shared.Conns().Used(); used != pressureSize {
				t.Errorf("%d connections, want %d", used, pressureSize)
			}
			p.countedRight()
		})
	}
}

func newPressured(t *testing.T, f forged) *pressured {
	t.Helper()
	p := &pressured{
		rig:   newRig(t, options{queues: [2]int{2, 2}, size: pressureSize, unordered: true}),
		flood: &f, pattern: map[*virtual][][]byte{}, open: map[netip.AddrPort]*dialogue{},
	}
	if err := p.control.Clear(); err != nil {
		t.Fatal(err)
	}
	var specs []service.Spec
	for i := range virtuals {
		specs = append(specs, virtuals[i].spec())
	}
	if err := p.control.Add(specs); err != nil {
		t.Fatal(err)
	}
	for _, v := range f.to {
		says := f.says
		if says == nil {
			says = []string{v.said(0, true)}
		}
		for _, what := range says {
			p.pattern[v] = append(p.pattern[v], v.frame("203.0.113.1:1", netip.AddrPortFrom(netip.MustParseAddr(vip), v.port).String(), what))
		}
	}
	return p
}

// begin returns a connection of a new client that has not begun. There are 50 clients
// that the director has a route to. Each has several ports.
func (p *pressured) begin(v *virtual) *dialogue {
	n := p.clients
	p.clients++
	client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(100 + n%50)}), uint16(2000+n/50))
	d := &dialogue{of: v, client: client}
	p.open[client] = d
	return d
}

// rounds lets busy connections go on while clients begin others, one of each service in
// each round. Each new connection lasts for three turns.
func (p *pressured) rounds(busy []*dialogue) (fresh []*dialogue) {
	for range pressureRounds {
		for i := range virtuals {
			fresh = append(fresh, p.begin(&virtuals[i]))
		}
		now := busy
		for _, d := range fresh[max(0, len(fresh)-3*len(virtuals)):] {
			now = append(now[:len(now):len(now)], d)
		}
		p.exchange(now...)
		for _, d := range fresh {
			if d.turn >= 3 {
				delete(p.open, d.client)
			}
		}
	}
	return fresh
}

// exchange lets each client say something and, where answers pass the director, each
// server answer. Half of the flood of a round comes before either.
func (p *pressured) exchange(all ...*dialogue) {
	p.t.Helper()
	for _, client := range []bool{true, false} {
		var waiting []*dialogue
		for i, d := range all {
			if !client && d.of.method != service.NAT || d.lost {
				continue
			}
			waiting = append(waiting, d)
			d.says = "server"
			if client {
				d.says = "client"
			}
			p.ports[p.from(d)][i%2].Push(p.say(d))
		}
		for range pressureFlood / 2 {
			p.ports[0][p.flood.client()%2].Push(p.forge()) // RSS keeps a flow on one queue
		}
		p.ports[1][0].Push(p.answers...)
		p.answers = nil
		p.work()
		p.collect()
		for _, d := range waiting {
			d.lost = d.lost || d.says != ""
		}
	}
	for _, d := range all {
		d.turn++
	}
	p.clock.Advance(10 * time.Millisecond)
}

// from returns the interface by which the frame of a dialogue comes.
func (p *pressured) from(d *dialogue) int {
	if d.says == "client" {
		return 0
	}
	return 1
}

// say returns the frame that a dialogue is about to send.
func (p *pressured) say(d *dialogue) []byte {
	if d.says == "client" {
		return d.of.frame(d.client.String(), netip.AddrPortFrom(netip.MustParseAddr(vip), d.of.port).String(), d.of.said(d.turn, true))
	}
	return fromEth1(d.server, d.of.frame(serverIP(d.server)+":8080", d.client.String(), d.of.said(d.turn, false)))
}

// fromEth1 gives a frame the Ethernet addresses of server n's frames.
func fromEth1(n int, frame []byte) []byte {
	mac := serverMAC(n)
	packet.Eth(frame).SetAddrs(&eth1MAC, &mac)
	return frame
}

// turnsEach returns how many packets each forged client sends.
func (f *forged) turnsEach() int { return max(1, len(f.says)) }

// client returns the number of the client that sends the next packet.
func (f *forged) client() int { return f.next / f.turnsEach() }

// forge returns the next forged packet. If it is answered, the client must be one that
// the director has a route to.
func (p *pressured) forge() []byte {
	f := p.flood
	n := f.client()
	v := f.to[n%len(f.to)]
	frame := slices.Clone(p.pattern[v][f.next%f.turnsEach()])
	ip := packet.IPv4(frame[packet.EthLen:])
	client, port := packet.MustAddr("100.64.0.1").V4()+uint32(n), uint16(n)
	if f.answered {
		client, port = packet.MustAddr("198.51.100.100").V4()+uint32(n%50), uint16(30_000+n/50)
	}
	ip.SetSrc(client)
	ip.UpdateChecksum()
	binary.BigEndian.PutUint16(ip[packet.IPv4Len:], port)
	f.next++
	return frame
}

// work lets all workers handle what came, at the same time.
func (p *pressured) work() {
	var all sync.WaitGroup
	for _, w := range p.workers {
		all.Go(func() {
			for n := 1; n > 0; {
				var err error
				if n, err = w.Step(); err != nil {
					p.t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// collect takes the frames that the director sent. Those of a dialogue arrive. The
// servers answer the forged ones, if they do so.
func (p *pressured) collect() {
	p.t.Helper()
	for at := range p.ports {
		for _, port := range p.ports[at] {
			for _, frame := range port.Take() {
				p.arrive(at, frame)
			}
		}
	}
}

func (p *pressured) arrive(at int, frame []byte) {
	ip := packet.IPv4(frame[packet.EthLen:])
	if ip.Proto() == packet.ProtoIPIP {
		ip = ip[packet.IPv4Len:]
	}
	l4 := packet.L4(ip[packet.IPv4Len:])
	server := int(packet.Eth(frame).Dst()[5]) - 10
	client := netip.AddrPortFrom(packet.AddrFrom4(ip.Src()).Netip(), l4.SrcPort())
	if at == 0 {
		client = netip.AddrPortFrom(packet.AddrFrom4(ip.Dst()).Netip(), l4.DstPort())
	}
	d := p.open[client]
	switch {
	case d == nil && at == 1 && p.flood.answered:
		v := p.flood.to[0]
		says := v.said(0, false)
		if v.proto == packet.ProtoTCP && l4.TCPFlags()&packet.ACK != 0 {
			says = "R" // it acknowledges nothing that the server has sent
		}
		p.answers = append(p.answers, fromEth1(server, v.frame(serverIP(server)+":8080", client.String(), says)))
	case d == nil:
	case at == 1 && d.says == "client":
		if d.server == 0 {
			d.server = server
		}
		d.lost = d.lost || d.server != server
		d.says = ""
	case at == 0 && d.says == "server" && packet.AddrFrom4(ip.Src()).String() == vip && l4.SrcPort() == d.of.port:
		d.says = ""
	}
}
