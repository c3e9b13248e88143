package dataplane_test

import (
	"bytes"
	"testing"
	"time"

	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// mangle changes a frame's IPv4 header and updates its checksum.
func mangle(b []byte, change func(ip packet.IPv4)) []byte {
	ip := packet.IPv4(b[packet.EthLen:])
	change(ip)
	ip.SetChecksum(0)
	ip.SetChecksum(^packet.Sum(ip[:ip.HeaderLen()], 0))
	return b
}

// fragmentOf returns the first fragment of a datagram from the servers' side.
func fragmentOf(f packettest.Frame) []byte {
	return mangle(fromServer(1, 443, f), func(ip packet.IPv4) { ip[6] = 0x20 })
}

func TestKernel_GetsWhatIsNotOurs(t *testing.T) {
	syn := packettest.Frame{Flags: "S"}
	otherMAC := fromClient(1000, syn)
	otherMAC[5] = 0x99
	arp := fromClient(1000, syn)
	arp[12], arp[13] = 8, 6
	for name, c := range map[string]struct {
		iface int
		frame []byte
		want  packet.Reason
	}{
		"arp":                       {0, arp, packet.NotIPv4},
		"another MAC":               {0, otherMAC, packet.NotForUs},
		"ping to the VIP":           {0, mangle(fromClient(1000, syn), func(ip packet.IPv4) { ip[9] = 1 }), packet.Protocol},
		"another port of the VIP":   {0, fromClient(1000, packettest.Frame{Flags: "S", Dst: vip + ":81"}), packet.NoService},
		"another address":           {0, fromClient(1000, packettest.Frame{Flags: "S", Dst: "198.51.100.1:80"}), packet.NoConnection},
		"a server's own connection": {1, fromServer(1, 443, packettest.Frame{Flags: "S"}), packet.NoConnection},
		"another host's fragment":   {1, fragmentOf(packettest.Frame{Flags: "S", Src: "10.0.0.99:80"}), packet.Fragment},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, options{})
			r.ports[c.iface][0].Push(c.frame)
			r.step()
			back := r.hosts[c.iface][0].Take()
			if len(back) != 1 || !bytes.Equal(back[0], c.frame) {
				t.Errorf("%d frames reinjected, want this one unchanged", len(back))
			}
			counts := r.counts()
			if counts.Host[c.want] != 1 {
				t.Errorf("host counts %v, want 1 of %v", counts.Host, c.want)
			}
			if sent := len(r.ports[0][0].Take()) + len(r.ports[1][0].Take()); sent != 0 {
				t.Errorf("%d frames sent", sent)
			}
		})
	}
}

func TestDrops_AreCountedByReason(t *testing.T) {
	syn := packettest.Frame{Flags: "S"}
	big := packettest.Frame{Flags: "S", DF: true, Payload: make([]byte, 1460-19)}
	for name, c := range map[string]struct {
		options options
		frame   []byte
		adjust  func(r *rig)
		want    packet.Reason
	}{
		"half a header":    {options{}, mangle(fromClient(1, syn), func(ip packet.IPv4) { ip[3] = 39 }), nil, packet.Truncated},
		"ttl":              {options{}, fromClient(1, packettest.Frame{Flags: "S", TTL: 1}), nil, packet.TTL},
		"mtu in a tunnel":  {options{method: service.TUN}, fromClient(1, big), nil, packet.MTU},
		"weights are zero": {options{weights: []int32{0, 0}}, fromClient(1, syn), nil, packet.NoServer},
		"no servers":       {options{weights: []int32{}}, fromClient(1, syn), nil, packet.NoServer},
		"VIP as source":    {options{}, fromClient(1, packettest.Frame{Flags: "S", Src: vip + ":9"}), nil, packet.BadSource},
		"own source":       {options{}, fromClient(1, packettest.Frame{Flags: "S", Src: "10.0.0.1:9"}), nil, packet.BadSource},
		"loopback source":  {options{}, fromClient(1, packettest.Frame{Flags: "S", Src: "127.0.0.1:9"}), nil, packet.BadSource},
		"multicast source": {options{}, fromClient(1, packettest.Frame{Flags: "S", Src: "224.0.0.5:9"}), nil, packet.BadSource},
		"no connection":    {options{}, fromClient(1, packettest.Frame{Flags: "A"}), nil, packet.NoConnection},
		"reset of nothing": {options{}, fromClient(1, packettest.Frame{Flags: "RS"}), nil, packet.NoConnection},
		"link down":        {options{}, fromClient(1, syn), func(r *rig) { r.net.Links[1].Up = false }, packet.LinkDown},
		"no route":         {options{}, fromClient(1, syn), func(r *rig) { r.net.Routes = r.net.Routes[:1] }, packet.NoRoute},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.options)
			if c.adjust != nil {
				c.adjust(r)
				r.control.Refresh()
			}
			r.ports[0][0].Push(c.frame)
			r.step()
			if got := r.counts(); got.Drops[c.want] != 1 {
				t.Errorf("drops %v host %v tx %v, want 1 drop as %v", got.Drops, got.Host, got.Tx, c.want)
			}
			if sent := len(r.ports[1][0].Take()); sent != 0 {
				t.Errorf("%d frames sent", sent)
			}
		})
	}
}

func TestLocalServer_GetsTheFrameFromTheKernel(t *testing.T) {
	r := newRig(t, options{method: service.DR})
	r.net.Links[1].Addrs = append(r.net.Links[1].Addrs, mustPrefix(serverIP(4)+"/32"))
	r.control.Refresh()
	frame := fromClient(1000, packettest.Frame{Flags: "S"})
	r.ports[0][0].Push(frame)
	r.step()
	if back := r.hosts[0][0].Take(); len(back) != 1 || !bytes.Equal(back[0], frame) {
		t.Errorf("%d frames reinjected, want this one unchanged", len(back))
	}
	if active, _ := r.load(4); active != 1 {
		t.Errorf("the local server has %d connections, want 1", active)
	}
}

// Every received frame is counted exactly once as sent, dropped or left to the
// kernel. The sent frames also include those that the director originated.
func TestCounts_AddUp(t *testing.T) {
	r := newRig(t, options{queues: [2]int{2, 1}})
	frames := 0
	for i := range 500 {
		for _, f := range []packettest.Frame{
			{Flags: "S"}, {Flags: "A"}, {Flags: "S", TTL: 1}, {UDP: true}, {Flags: "S", Dst: vip + ":81"},
			{Flags: "S", Src: vip + ":1"}, {Flags: "S", Dst: "203.0.113.9:80"}, {Flags: "PA", Src: clientIP + ":9"},
			{UDP: true, Payload: make([]byte, 64), MF: true}, {UDP: true, Payload: make([]byte, 64), Offset: 9, ID: 1},
		} {
			r.ports[0][i%2].Push(fromClient(1000+i, f))
			frames++
		}
		r.step()
	}
	r.clock.Advance(time.Minute) // expires incomplete datagrams
	r.step()
	c := r.counts()
	own := uint64(len(r.ports[0][0].Take()) + len(r.ports[0][1].Take()))
	sum := c.Tx[0] + c.Tx[1]
	for i := range c.Drops {
		sum += c.Drops[i] + c.Host[i]
	}
	if c.Rx[0] != uint64(frames) || sum != uint64(frames)+own {
		t.Errorf("%d received of %d, %d accounted for, of which %d originated: %+v", c.Rx[0], frames, sum, own, c)
	}
	if own <= 500 { // a reset for each segment without a connection, some ICMP errors
		t.Errorf("%d originated frames, want more than 500", own)
	}
}
