package dataplane_test

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// icmpError returns a frame with an ICMP error that quotes the packet about, as it
// arrives on the clients' or the servers' interface.
func icmpError(typ, code uint8, from, to string, about packettest.Frame, toServers bool) []byte {
	quoted := about.Bytes()[packet.EthLen:][:40]
	mac := eth0MAC
	if !toServers {
		mac = eth1MAC
	}
	return packettest.Serialize(
		&layers.Ethernet{SrcMAC: clientMAC[:], DstMAC: mac[:], EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolICMPv4, SrcIP: netip.MustParseAddr(from).AsSlice(), DstIP: netip.MustParseAddr(to).AsSlice()},
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, code)},
		gopacket.Payload(quoted))
}

// fromClientSide returns an error from the client or a router about an answer from
// the virtual address.
func fromClientSide(udp bool) []byte {
	return icmpError(3, 3, clientIP, vip, packettest.Frame{Src: vip + ":80", Dst: clientIP + ":40000", Flags: "SA", UDP: udp}, true)
}

// fromServerSide returns an error about a packet to server 4.
func fromServerSide(udp bool) []byte {
	return icmpError(3, 3, serverIP(4), clientIP, packettest.Frame{Src: clientIP + ":40000", Dst: serverIP(4) + ":8080", Flags: "S", UDP: udp}, false)
}

// connected returns a rig with a connection from the client's port 40000 to server 4.
func connected(t testing.TB, o options, udp bool) *rig {
	r := newRig(t, o)
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S", UDP: udp}))
	r.step()
	r.ports[1][0].Take()
	return r
}

func (r *rig) deleteServer4() {
	r.t.Helper()
	s := r.specs[0].Servers[3]
	if err := r.control.DeleteServer(r.specs[0].Key, s.Addr, s.Port); err != nil {
		r.t.Fatal(err)
	}
}

// Errors of either side about a connection of either protocol.
func TestICMP_IsTranslatedBothWays(t *testing.T) {
	for _, udp := range []bool{false, true} {
		r := connected(t, options{}, udp)
		r.ports[0][0].Push(fromClientSide(udp))
		r.step()
		ip, _, quoted := r.icmpSent(r.ports[1][0])
		inner := packet.IPv4(quoted)
		if ip.SrcIP.String() != clientIP || ip.DstIP.String() != serverIP(4) || packet.AddrFrom4(inner.Src()).String() != serverIP(4) || packet.L4(inner[20:]).SrcPort() != 8080 {
			t.Errorf("udp %v: %v > %v about a packet from %v:%d", udp, ip.SrcIP, ip.DstIP, packet.AddrFrom4(inner.Src()), packet.L4(inner[20:]).SrcPort())
		}
		r.ports[1][0].Push(fromServerSide(udp))
		r.step()
		ip, _, quoted = r.icmpSent(r.ports[0][0])
		inner = packet.IPv4(quoted)
		if ip.SrcIP.String() != vip || ip.DstIP.String() != clientIP || packet.AddrFrom4(inner.Dst()).String() != vip || packet.L4(inner[20:]).DstPort() != 80 {
			t.Errorf("udp %v: %v > %v about a packet to %v:%d", udp, ip.SrcIP, ip.DstIP, packet.AddrFrom4(inner.Dst()), packet.L4(inner[20:]).DstPort())
		}
	}
}

// Errors that cannot be forwarded, from either side, and what happens to them.
func TestICMP_ThatCannotGoOn(t *testing.T) {
	broken := func(b []byte) []byte {
		b[packet.EthLen+packet.IPv4Len+9] ^= 1
		return b
	}
	short := func(b []byte) []byte { // no ports are quoted
		return mangle(b[:packet.EthLen+20+8+24], func(ip packet.IPv4) { ip.SetTotalLen(20 + 8 + 24) })
	}
	dying := func(b []byte) []byte { return mangle(b, func(ip packet.IPv4) { ip[8] = 1 }) }
	part := func(b []byte) []byte { return mangle(b, func(ip packet.IPv4) { ip[6] = 0x20 }) }
	for name, c := range map[string]struct {
		o          options
		before     func(r *rig)
		fromServer bool
		change     func([]byte) []byte
		drop, host packet.Reason
	}{
		"client's, checksum":        {change: broken, drop: packet.BadChecksum},
		"server's, checksum":        {change: broken, fromServer: true, drop: packet.BadChecksum},
		"client's, too short":       {change: short, host: packet.Protocol},
		"server's, too short":       {change: short, fromServer: true, host: packet.Protocol},
		"client's, a fragment":      {change: part, host: packet.Protocol},
		"client's, no time to live": {change: dying, drop: packet.TTL},
		"server's, no time to live": {change: dying, fromServer: true, drop: packet.TTL},
		"direct, no time to live":   {o: options{method: service.DR}, change: dying, drop: packet.TTL},
		"client's, link down":       {before: func(r *rig) { r.net.Links[1].Up = false }, drop: packet.LinkDown},
		"server's, no route":        {before: func(r *rig) { r.net.Routes = r.net.Routes[1:]; r.net.Neighbors = nil }, fromServer: true, drop: packet.NoRoute},
		"direct, local server": {o: options{method: service.DR}, before: func(r *rig) {
			r.net.Links[1].Addrs = append(r.net.Links[1].Addrs, mustPrefix(serverIP(4)+"/32"))
		}, host: packet.LocalServer},
	} {
		t.Run(name, func(t *testing.T) {
			r := connected(t, c.o, false)
			if c.before != nil {
				c.before(r)
				r.control.Refresh()
			}
			frame, iface := fromClientSide(false), 0
			if c.fromServer {
				frame, iface = fromServerSide(false), 1
			}
			if c.change != nil {
				frame = c.change(frame)
			}
			r.ports[iface][0].Push(frame)
			r.step()
			got := r.counts()
			if c.drop != 0 && got.Drops[c.drop] != 1 || c.host != 0 && got.Host[c.host] != 1 {
				t.Errorf("drops %v host %v, want 1 of %v%v", got.Drops, got.Host, c.drop, c.host)
			}
			if sent := len(r.ports[0][0].Take()) + len(r.ports[1][0].Take()); sent != 0 {
				t.Errorf("%d frames sent: an error is never answered", sent)
			}
			if back := r.hosts[iface][0].Take(); c.host != 0 && (len(back) != 1 || string(back[0]) != string(frame)) {
				t.Errorf("%d frames left to the kernel, want this one unchanged", len(back))
			}
		})
	}
}

// Errors from a removed server still reach the client, as its answers do.
func TestICMP_OfARemovedServer(t *testing.T) {
	r := connected(t, options{}, false)
	r.deleteServer4()
	r.ports[1][0].Push(fromServerSide(false))
	r.step()
	if ip, _, _ := r.icmpSent(r.ports[0][0]); ip.SrcIP.String() != vip {
		t.Errorf("from %v, want the virtual address", ip.SrcIP)
	}
}

// An error that is longer than the MTU is fragmented.
func TestICMP_LongerThanTheLink(t *testing.T) {
	r := connected(t, options{}, false)
	r.net.Links[1].MTU = 60
	r.control.Refresh()
	frame := mangle(fromClientSide(false), func(ip packet.IPv4) { ip[6] = 0x40 })
	r.ports[0][0].Push(frame)
	r.step()
	if sent := r.ports[1][0].Take(); len(sent) != 2 {
		t.Errorf("%d frames sent, want two fragments", len(sent))
	}
	if c := r.counts(); c.Drops[packet.MTU] != 0 || c.Tx[1] != 3 {
		t.Errorf("%d dropped, %d sent, want 0 and 3", c.Drops[packet.MTU], c.Tx[1])
	}
}

// Errors wait for neighbours and leave by another worker's queue, as other packets
// do.
func TestICMP_WaitsAndIsHandedOver(t *testing.T) {
	r := connected(t, options{noClient: true}, false)
	r.ports[1][0].Push(fromServerSide(false))
	r.step()
	if len(r.wanted) != 1 {
		t.Errorf("requests to resolve %v, want the client", r.wanted)
	}
	r.net = network(true)
	r.control.Refresh()
	r.step()
	if ip, _, _ := r.icmpSent(r.ports[0][0]); ip.SrcIP.String() != vip {
		t.Errorf("from %v, want the virtual address", ip.SrcIP)
	}
	r = connected(t, options{queues: [2]int{2, 1}}, false)
	r.ports[0][1].Push(fromClientSide(false))
	r.step()
	if ip, _, _ := r.icmpSent(r.ports[1][0]); ip.DstIP.String() != serverIP(4) || r.counts().Handoff != 1 {
		t.Errorf("to %v, %d handed over", ip.DstIP, r.counts().Handoff)
	}
}

// With schedule_icmp an error without a connection begins one. Without a server or room
// it is dropped, as ip_vs_in_icmp does.
func TestICMP_SchedulesIfItMay(t *testing.T) {
	for name, c := range map[string]struct {
		o         options
		scheduled bool
	}{
		"a server":  {options{}, true},
		"no server": {options{weights: []int32{0}}, false},
	} {
		r := newRig(t, c.o)
		if err := r.control.SetSysctl("schedule_icmp", "1"); err != nil {
			t.Fatal(err)
		}
		r.ports[0][0].Push(fromClientSide(false))
		r.step()
		used := r.shared.Conns().Used()
		if (used == 1) != c.scheduled || (len(r.ports[1][0].Take()) == 1) != c.scheduled || (r.counts().Drops[packet.NoServer] == 0) != c.scheduled {
			t.Errorf("%s: %d connections, %+v", name, used, r.counts())
		}
		if !c.scheduled {
			continue
		}
		if active, total := r.load(4); active != 0 || total != 1 {
			t.Errorf("%s: %d active of %d connections, want 0 of 1", name, active, total)
		}
		// Packets of the connection change its state: a SYN makes it active.
		r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}))
		r.step()
		if active, total := r.load(4); active != 1 || total != 1 {
			t.Errorf("%s: after a SYN %d active of %d connections, want 1 of 1", name, active, total)
		}
	}
	// A full table does not change.
	r := newRig(t, options{size: 20})
	r.crowd()
	if err := r.control.SetSysctl("schedule_icmp", "1"); err != nil {
		t.Fatal(err)
	}
	about := packettest.Frame{Src: vip + ":80", Dst: "198.51.100.120:5000", Flags: "SA"}
	r.ports[0][0].Push(icmpError(3, 3, "198.51.100.120", vip, about, true))
	r.step()
	var total int64
	for s := 1; s <= 4; s++ {
		_, n := r.load(s)
		total += n
	}
	if c := r.counts(); c.Drops[packet.TableFull] != 1 || total != 20 {
		t.Errorf("%d dropped, %d connections counted, want 1 and 20", c.Drops[packet.TableFull], total)
	}
}

// The connection of an error to a client is found, even if the client is in the
// prefix of a mark.
func TestICMP_ToAClientInAMarksPrefix(t *testing.T) {
	r := wideRig(t)
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S", Dst: "198.51.100.200:80"}))
	r.step()
	r.ports[1][0].Take()
	about := packettest.Frame{Src: clientIP + ":40000", Dst: serverIP(1) + ":8080", Flags: "S"}
	r.ports[1][0].Push(icmpError(3, 1, "10.0.0.77", clientIP, about, false))
	r.step()
	ip, _, quoted := r.icmpSent(r.ports[0][0])
	if inner := packet.IPv4(quoted); ip.SrcIP.String() != "198.51.100.200" || packet.AddrFrom4(inner.Dst()).String() != "198.51.100.200" {
		t.Errorf("from %v about a packet to %v", ip.SrcIP, packet.AddrFrom4(inner.Dst()))
	}
	r.control.Estimate()
	all := r.control.Services()
	if got := all[len(all)-1].Stats; got.InPkts != 1 || got.OutPkts != 1 {
		t.Errorf("%+v counted, want one packet each way", got)
	}
}
