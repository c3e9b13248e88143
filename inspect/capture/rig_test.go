package capture_test

import (
	"net/netip"
	"testing"

	"director/inspect/capture"
	"director/internal/memlab"
	"director/internal/packettest"
	"director/neigh"
	"director/packet"
	"director/service"
)

// A director in memory: clients on eth0, one masqueraded server on eth1.
var (
	ifaces    = []string{"eth0", "eth1"}
	eth0MAC   = packet.MAC{2, 0, 0, 0, 0, 1}
	eth1MAC   = packet.MAC{2, 0, 0, 0, 0, 2}
	clientMAC = packet.MAC{2, 0, 0, 1, 0, 7}
	serverMAC = packet.MAC{2, 0, 0, 2, 0, 11}
)

type rig struct {
	*memlab.Director
	t testing.TB
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return newRigWithClock(t, nil)
}

// newRigWithClock is like newRig, with the caller's clock.
func newRigWithClock(t testing.TB, clock func() int64) *rig {
	t.Helper()
	prefix, ip := netip.MustParsePrefix, netip.MustParseAddr
	network := neigh.Snapshot{
		Links: []neigh.Link{
			{Name: "eth0", Index: 2, Interface: 0, MAC: eth0MAC, MTU: 1500, Up: true, Addrs: []netip.Prefix{prefix("198.51.100.1/24")}},
			{Name: "eth1", Index: 3, Interface: 1, MAC: eth1MAC, MTU: 1500, Up: true, Addrs: []netip.Prefix{prefix("10.0.0.1/24")}},
		},
		Routes: []neigh.Route{{Dst: prefix("198.51.100.0/24"), Link: 2}, {Dst: prefix("10.0.0.0/24"), Link: 3}},
		Neighbors: []neigh.Neighbor{
			{IP: ip("198.51.100.7"), Link: 2, MAC: clientMAC}, {IP: ip("10.0.0.11"), Link: 3, MAC: serverMAC},
		},
	}
	return &rig{t: t, Director: memlab.New(t, memlab.Options{Size: 20_000, Network: network, Clock: clock}, service.Spec{
		Key:       service.Key{Addr: packet.MustAddr("192.0.2.10"), Port: 80, Proto: packet.ProtoTCP},
		Scheduler: "rr",
		Servers:   []service.ServerSpec{{Addr: packet.MustAddr("10.0.0.11"), Port: 8080, Method: service.NAT, Weight: 1}},
	})}
}

// start starts a capture of the rig.
func (r *rig) start(o capture.Options) *capture.Session {
	r.t.Helper()
	s, err := capture.Start(r.Shared, 1, ifaces, o)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// step makes frames arrive on an interface, and handles them.
func (r *rig) step(iface int, frames ...[]byte) {
	r.t.Helper()
	r.Ports[iface].Push(frames...)
	for n := 1; n > 0; {
		var err error
		if n, err = r.Worker.Step(); err != nil {
			r.t.Fatal(err)
		}
	}
}

// client returns a frame of the client with the given source port.
func client(port uint16, f packettest.Frame) []byte {
	f.SrcMAC, f.DstMAC = clientMAC, eth0MAC
	if f.Src == "" {
		f.Src = netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), port).String()
	}
	if f.Dst == "" {
		f.Dst = "192.0.2.10:80"
	}
	return f.Bytes()
}

// answer returns a frame of the server to the client.
func answer(port uint16, flags string) []byte {
	f := packettest.Frame{SrcMAC: serverMAC, DstMAC: eth1MAC, Src: "10.0.0.11:8080", Flags: flags}
	f.Dst = netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), port).String()
	return f.Bytes()
}

// story sends the first packets of a connection, a packet without a connection, and two
// packets that are not forwarded. comments holds the expected comment of each frame.
func (r *rig) story() {
	r.step(0, client(1000, packettest.Frame{Flags: "S"}))
	r.step(1, answer(1000, "SA"))
	r.step(0, client(1001, packettest.Frame{Flags: "A"}))
	r.step(0, client(1, packettest.Frame{Flags: "S", Src: "127.0.0.1:1"}), client(1, packettest.Frame{Flags: "S", Dst: "192.0.2.10:81"}))
}

var comments = []string{
	"tx: to 10.0.0.11:8080 by NAT, leaves by eth1",
	"tx: to 10.0.0.11:8080 by NAT, received on eth0",
	"tx: from 10.0.0.11:8080 as 192.0.2.10:80, leaves by eth0",
	"tx: from 10.0.0.11:8080 as 192.0.2.10:80, received on eth1",
	"drop: no-connection",
	"tx: created by the director",
	"drop: bad-source",
	"host: no-service",
}
