package dataplane_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/dataplane/memport"
	"director/internal/packettest"
	"director/neigh"
	"director/packet"
)

// icmpSent returns the ICMP error in the single frame that port sent.
func (r *rig) icmpSent(p *memport.Port) (*layers.IPv4, *layers.ICMPv4, []byte) {
	r.t.Helper()
	sent := p.Take()
	if len(sent) != 1 {
		r.t.Fatalf("%d frames sent, want 1; counts %+v", len(sent), r.counts())
	}
	return icmpOf(r.t, sent[0])
}

// icmpOf decodes an ICMP error and the packet that it quotes.
func icmpOf(t testing.TB, frame []byte) (*layers.IPv4, *layers.ICMPv4, []byte) {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	icmp, ok2 := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if !ok || !ok2 {
		t.Fatalf("no ICMP:\n%s", p.Dump())
	}
	if message := ip.Payload; packet.Sum(message, 0) != 0xffff || packet.Sum(ip.Contents, 0) != 0xffff {
		t.Fatalf("a checksum is wrong:\n%s", p.Dump())
	}
	return ip, icmp, icmp.Payload
}

// A segment without a connection is answered from the virtual address, as a host
// without a listener answers it.
func TestAnswer_ResetsWhatBelongsToNoConnection(t *testing.T) {
	for name, c := range map[string]struct {
		frame    packettest.Frame
		ack      bool
		seq, num uint32
	}{
		"data":           {packettest.Frame{Flags: "PA", Seq: 7, Payload: make([]byte, 100)}, false, 0, 0},
		"without ACK":    {packettest.Frame{Flags: "P", Seq: 7, Payload: make([]byte, 100)}, true, 0, 107},
		"FIN":            {packettest.Frame{Flags: "F", Seq: 7}, true, 0, 8},
		"FTP's data":     {packettest.Frame{Flags: "S", Seq: 7, Src: clientIP + ":20"}, true, 0, 8},
		"nothing at all": {packettest.Frame{Flags: "", Seq: 7}, true, 0, 7},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, options{})
			c.frame.TOS = 0x10
			r.ports[0][0].Push(fromClient(40000, c.frame))
			r.step()
			got := r.one(r.ports[0][0])
			port := "40000"
			if c.frame.Src != "" {
				port = "20"
			}
			if want := vip + ":80 > " + clientIP + ":" + port; got.Flow() != want || !got.TCP.RST || got.TCP.ACK != c.ack || got.TCP.Seq != c.seq || got.TCP.Ack != c.num {
				t.Errorf("%s with RST %v, ACK %v, seq %d, ack %d, want %s with ACK %v, %d, %d",
					got.Flow(), got.TCP.RST, got.TCP.ACK, got.TCP.Seq, got.TCP.Ack, want, c.ack, c.seq, c.num)
			}
			if got.IP.TTL != 64 || got.IP.TOS != 0x10 || got.IP.Flags != layers.IPv4DontFragment || got.TCP.Window != 0 {
				t.Errorf("ttl %d, tos %#x, flags %v, window %d", got.IP.TTL, got.IP.TOS, got.IP.Flags, got.TCP.Window)
			}
			if dst, src := got.MACs(); dst != clientMAC || src != eth0MAC {
				t.Errorf("to %v from %v", dst, src)
			}
			if n := r.counts().Drops[packet.NoConnection]; n != 1 {
				t.Errorf("%d counted as %v, want 1", n, packet.NoConnection)
			}
		})
	}
}

func TestAnswer_TellsAClientThatThereIsNoServer(t *testing.T) {
	for _, udp := range []bool{false, true} {
		r := newRig(t, options{weights: []int32{0}})
		frame := fromClient(40000, packettest.Frame{Flags: "S", UDP: udp, Payload: make([]byte, 700)})
		r.ports[0][0].Push(frame)
		r.step()
		ip, icmp, quoted := r.icmpSent(r.ports[0][0])
		if icmp.TypeCode != layers.CreateICMPv4TypeCode(3, 3) || ip.SrcIP.String() != vip || ip.DstIP.String() != clientIP || ip.TTL != 64 || ip.Length != 576 {
			t.Errorf("udp %v: %v from %v to %v ttl %d length %d", udp, icmp.TypeCode, ip.SrcIP, ip.DstIP, ip.TTL, ip.Length)
		}
		if string(quoted) != string(frame[packet.EthLen:packet.EthLen+548]) {
			t.Errorf("udp %v: the quoted packet is not the client's", udp)
		}
	}
}

// Errors are limited by destination, resets are not.
func TestAnswer_LimitsErrorsButNotResets(t *testing.T) {
	r := newRig(t, options{weights: []int32{0}})
	for range 20 {
		r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}), fromClient(40000, packettest.Frame{Flags: "A"}))
	}
	r.step()
	if n := len(r.ports[0][0].Take()); n != 26 {
		t.Errorf("%d answers to 20 SYNs and 20 segments, want 6 errors and 20 resets", n)
	}
	r.clock.Advance(time.Second)
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}), fromClient(40000, packettest.Frame{Flags: "S"}))
	r.step()
	if n := len(r.ports[0][0].Take()); n != 1 {
		t.Errorf("%d errors a second later, want 1", n)
	}
}

// A router answers with its own address. For a server's packet, the director answers
// with its address on the servers' side.
func TestAnswer_ToAServerIsFromTheDirectorsOwnAddress(t *testing.T) {
	for name, c := range map[string]struct {
		frame packettest.Frame
		want  layers.ICMPv4TypeCode
		mtu   uint16
	}{
		"no time to live": {packettest.Frame{Flags: "SA", TTL: 1}, layers.CreateICMPv4TypeCode(11, 0), 0},
		"too long":        {packettest.Frame{Flags: "A", DF: true, Payload: make([]byte, 1400)}, layers.CreateICMPv4TypeCode(3, 4), 1400},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, options{})
			r.net.Links[0].MTU = 1400
			r.control.Refresh()
			r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}))
			r.step()
			r.ports[1][0].Take()
			r.ports[1][0].Push(fromServer(4, 40000, c.frame))
			r.step()
			ip, icmp, _ := r.icmpSent(r.ports[1][0])
			if icmp.TypeCode != c.want || ip.SrcIP.String() != "10.0.0.1" || ip.DstIP.String() != serverIP(4) || icmp.Seq != c.mtu {
				t.Errorf("%v from %v to %v, mtu %d", icmp.TypeCode, ip.SrcIP, ip.DstIP, icmp.Seq)
			}
		})
	}
}

// Answers of the director wait for the neighbour in the same queue as forwarded
// packets, with the same bound.
func TestPending_IncludesTheDirectorsAnswers(t *testing.T) {
	r := newRig(t, options{noClient: true})
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}))
	r.step()
	r.ports[1][0].Take()
	r.ports[1][0].Push(fromServer(4, 40000, packettest.Frame{Flags: "SA"}))
	r.ports[0][0].Push(fromClient(40001, packettest.Frame{Flags: "A"}), fromClient(40002, packettest.Frame{Flags: "S", TTL: 1}))
	r.step()
	if sent := r.ports[0][0].Take(); len(sent) != 0 {
		t.Fatalf("%d frames sent to an unknown neighbour", len(sent))
	}
	if len(r.wanted) != 3 {
		t.Errorf("%d requests to resolve, want 3", len(r.wanted))
	}
	r.net = network(true)
	r.control.Refresh()
	r.step()
	sent := r.ports[0][0].Take()
	if len(sent) != 3 {
		t.Fatalf("%d frames sent, want the answer, a reset and an error", len(sent))
	}
	// Interfaces are served in order, so the clients' side is first.
	if got := packettest.Decode(t, sent[0]); !got.TCP.RST || got.Flow() != vip+":80 > "+clientIP+":40001" {
		t.Errorf("first %s, want the reset", got.Flow())
	}
	if _, icmp, _ := icmpOf(t, sent[1]); icmp.TypeCode != layers.CreateICMPv4TypeCode(11, 0) {
		t.Errorf("second %v, want time exceeded", icmp.TypeCode)
	}
	if got := packettest.Decode(t, sent[2]); !got.TCP.SYN || got.Flow() != vip+":80 > "+clientIP+":40000" {
		t.Errorf("third %s, want the server's answer", got.Flow())
	}
	for _, f := range sent {
		if packet.Eth(f).Dst() != clientMAC {
			t.Errorf("to %v, want the client", packet.Eth(f).Dst())
		}
	}
}

func TestPending_BoundsTheDirectorsAnswers(t *testing.T) {
	r := newRig(t, options{noClient: true})
	for range 100 {
		r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "A"}))
	}
	r.step()
	if got := r.counts().Drops[packet.Neighbor]; got != 36 {
		t.Errorf("%d answers dropped at once, want all of 100 except the 64 that are pending", got)
	}
	r.clock.Advance(time.Second)
	r.step()
	if got := r.counts().Drops[packet.Neighbor]; got != 100 {
		t.Errorf("%d dropped after a second, want all 100", got)
	}
}

// A client behind a gateway is answered through the gateway. A client without a route
// is not answered, and its packet is dropped as usual.
func TestAnswer_GoesByTheRoute(t *testing.T) {
	r := newRig(t, options{})
	gateway := packet.MAC{2, 0, 0, 9, 9, 9}
	r.net.Neighbors = append(r.net.Neighbors, neigh.Neighbor{IP: netip.MustParseAddr("198.51.100.254"), MAC: gateway, Link: 2})
	r.net.Routes = append(r.net.Routes, neigh.Route{Dst: mustPrefix("203.0.113.0/24"), Gateway: netip.MustParseAddr("198.51.100.254"), Link: 2})
	r.control.Refresh()
	r.ports[0][0].Push(fromClient(1, packettest.Frame{Flags: "A", Src: "203.0.113.9:1"}), fromClient(1, packettest.Frame{Flags: "A", Src: "8.8.8.8:1"}))
	r.step()
	if dst, _ := r.one(r.ports[0][0]).MACs(); dst != gateway {
		t.Errorf("to %v, want the gateway", dst)
	}
	if got := r.counts().Drops[packet.NoConnection]; got != 2 {
		t.Errorf("%d dropped, want both", got)
	}
}
