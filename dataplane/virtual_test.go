package dataplane_test

import (
	"fmt"
	"strings"

	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// virtual is a service of the pressure tests. The masqueraded servers of all of them
// answer from port 8080, so a packet without an entry cannot be told from others.
type virtual struct {
	proto      uint8
	port       uint16
	method     service.Method
	persistent uint32
}

var virtuals = []virtual{
	{proto: packet.ProtoTCP, port: 80},
	{proto: packet.ProtoUDP, port: 80},
	{proto: packet.ProtoTCP, port: 81, persistent: 3600},
	{proto: packet.ProtoUDP, port: 81, persistent: 3600},
	{proto: packet.ProtoSCTP, port: 82},
	{proto: packet.ProtoTCP, port: 83, method: service.DR},
	{proto: packet.ProtoUDP, port: 84, method: service.DR},
	{proto: packet.ProtoUDP, port: 85, method: service.TUN},
	{proto: packet.ProtoSCTP, port: 86, method: service.DR},
	{proto: packet.ProtoTCP, port: 87, method: service.TUN},
	{proto: packet.ProtoTCP, port: 88, method: service.DR, persistent: 3600},
}

func (v *virtual) String() string {
	name := map[uint8]string{packet.ProtoTCP: "tcp", packet.ProtoUDP: "udp", packet.ProtoSCTP: "sctp"}[v.proto]
	return fmt.Sprintf("%s %d %v", name, v.port, v.method)
}

func (v *virtual) spec() service.Spec {
	s := service.Spec{Key: service.Key{Addr: packet.MustAddr(vip), Port: v.port, Proto: v.proto}, Scheduler: "rr", Persistent: v.persistent}
	for n := 1; n <= 4; n++ {
		port := v.port
		if v.method == service.NAT {
			port = 8080
		}
		s.Servers = append(s.Servers, service.ServerSpec{Addr: packet.MustAddr(serverIP(n)), Port: port, Method: v.method, Weight: 1})
	}
	return s
}

// Chunks of SCTP (RFC 9260 §3.3).
var chunks = map[string][]byte{
	"INIT":        {1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 255, 255, 0, 1, 0, 1, 0, 0, 0, 1},
	"INIT-ACK":    {2, 0, 0, 20, 0, 0, 0, 1, 0, 0, 255, 255, 0, 1, 0, 1, 0, 0, 0, 1},
	"COOKIE-ECHO": {10, 0, 0, 8, 1, 2, 3, 4},
	"COOKIE-ACK":  {11, 0, 0, 4},
	"DATA":        {0, 3, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 'd', 'a', 't', 'a'},
}

// talk is what a client and, after the space, its server say to begin a connection. Then
// they repeat the last pair.
var talk = map[uint8][]string{
	packet.ProtoTCP:  {"S SA", "A A", "PA PA"},
	packet.ProtoUDP:  {"- -"},
	packet.ProtoSCTP: {"INIT INIT-ACK", "COOKIE-ECHO COOKIE-ACK", "DATA DATA"},
}

// said returns what a side says in the given turn.
func (v *virtual) said(turn int, client bool) string {
	all := talk[v.proto]
	c, s, _ := strings.Cut(all[min(turn, len(all)-1)], " ")
	if client {
		return c
	}
	return s
}

// frame returns a frame of the protocol with the Ethernet addresses of a client.
func (v *virtual) frame(src, dst, what string) []byte {
	if v.proto == packet.ProtoSCTP {
		return sctp(src, dst, chunks[what])
	}
	f := packettest.Frame{SrcMAC: clientMAC, DstMAC: eth0MAC, Src: src, Dst: dst}
	switch what {
	case "-":
		f.UDP = true
	case "...": // the first fragment of a datagram
		f.UDP, f.MF = true, true
	default:
		f.Flags = what
	}
	return f.Bytes()
}
