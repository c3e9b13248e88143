package steer_test

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/internal/packettest"
)

// quote is an ICMP error that the tests build.
type quote struct {
	name    string
	icmp    uint8            // its type; 0: destination unreachable
	to      string           // its destination; "": the source of the packet that it quotes
	options int              // bytes of IPv4 options of the error itself
	packet  packettest.Frame // the packet that it quotes: UDP unless it has TCP flags
	kept    int              // how many bytes of the packet it quotes; 0: the header and 8 more (RFC 792)
	patch   map[int]byte     // bytes to change in the frame
	patchIP map[int]byte     // bytes to change in the quoted packet
	taken   bool
}

// Bytes of an IPv4 header (RFC 791 section 3.1), and one of them in a frame.
const (
	versionAt, flagsAt, offsetAt, protoAt = 0, 6, 7, 9
	outer                                 = 14

	moreFragments = 0x20
)

func (q quote) frame() []byte {
	packet := q.packet
	packet.UDP = packet.Flags == ""
	quoted := packet.Bytes()[14:]
	for at, v := range q.patchIP {
		quoted[at] = v
	}
	if q.kept == 0 {
		q.kept = 28 + packet.Options
	}
	if q.icmp == 0 {
		q.icmp = 3
	}
	to := netip.MustParseAddrPort(packet.Src).Addr()
	if q.to != "" {
		to = netip.MustParseAddr(q.to)
	}
	eth := layers.Ethernet{SrcMAC: router[:], DstMAC: own[:], EthernetType: layers.EthernetTypeIPv4}
	ip := layers.IPv4{
		Version: 4, TTL: 64, Protocol: layers.IPProtocolICMPv4,
		SrcIP: []byte{198, 18, 0, 1}, DstIP: to.AsSlice(),
	}
	for range q.options {
		ip.Options = append(ip.Options, layers.IPv4Option{OptionType: 1}) // no operation
	}
	icmp := layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(q.icmp, 0)}
	frame := packettest.Serialize(&eth, &ip, &icmp, gopacket.Payload(quoted[:q.kept]))
	for at, v := range q.patch {
		frame[at] = v
	}
	return frame
}

// sent and sentTCP return the packet that an error is about.
func sent(src, dst string) packettest.Frame { return packettest.Frame{Src: src, Dst: dst} }
func sentTCP(src, dst string) packettest.Frame {
	return packettest.Frame{Src: src, Dst: dst, Flags: "A"}
}

const client = "198.51.100.1:999"

// aboutReplies returns errors from the network or a client about packets that a
// service sent.
func aboutReplies() []quote {
	reply := sent("192.0.2.11:53", client)
	withOptions := packettest.Frame{Options: 40, Src: reply.Src, Dst: reply.Dst}
	return []quote{
		{name: "unreachable", packet: reply, taken: true},
		{name: "source quench", icmp: 4, packet: reply, taken: true},
		{name: "time exceeded", icmp: 11, packet: reply, taken: true},
		{name: "redirect", icmp: 5, packet: reply},
		{name: "parameter problem", icmp: 12, packet: reply},
		{name: "echo request", icmp: 8, packet: reply},
		{name: "a type beyond a word's bits", icmp: 3 + 64, packet: reply},
		{name: "TCP", packet: sentTCP("192.0.2.10:80", client), taken: true},
		{name: "from another port of the VIP", packet: sent("192.0.2.11:54", client)},
		{name: "of another protocol", packet: sentTCP("192.0.2.11:53", client)},
		{name: "of ICMP", packet: reply, patchIP: map[int]byte{protoAt: 1}},
		{name: "for somebody else", to: "192.0.2.10", packet: reply},
		{name: "for the host", to: "10.0.0.1", packet: reply},
		{name: "to another MAC", packet: reply, patch: map[int]byte{5: 9}},
		{name: "about a client's packet to the service", packet: sent(client, "192.0.2.11:53")},

		{name: "port-0 service", packet: sentTCP("192.0.2.12:4711", client), taken: true},
		{name: "port-0 service, other protocol", packet: sent("192.0.2.12:4711", client)},
		{name: "SCTP service", packet: sent("192.0.2.13:9", client), patchIP: map[int]byte{protoAt: protoSCTP}, taken: true},
		{name: "SCTP service, other port", packet: sent("192.0.2.13:8", client), patchIP: map[int]byte{protoAt: protoSCTP}},
		{name: "prefix", packet: sentTCP("203.0.113.127:1", client), taken: true},
		{name: "prefix, other protocol", packet: sent("203.0.113.127:1", client)},
		{name: "behind the prefix", packet: sentTCP("203.0.113.128:1", client)},
		{name: "the host's address in the prefix", packet: sentTCP("203.0.113.65:22", client)},
		{name: "a VIP in the prefix", packet: sentTCP("203.0.113.66:443", client), taken: true},
		{name: "prefix of one address", packet: sent("203.0.113.200:7", client), taken: true},

		{name: "first fragment of an error", packet: reply, patch: map[int]byte{outer + flagsAt: moreFragments}},
		{name: "later fragment of an error", packet: reply, patch: map[int]byte{outer + offsetAt: 1}},
		{name: "quoted first fragment", packet: reply, patchIP: map[int]byte{flagsAt: moreFragments}, taken: true},
		{name: "quoted first fragment, other port", packet: sent("192.0.2.11:54", client), patchIP: map[int]byte{flagsAt: moreFragments}},
		{name: "quoted later fragment", packet: reply, patchIP: map[int]byte{offsetAt: 1}},
		{name: "quoted last fragment far behind", packet: reply, patchIP: map[int]byte{flagsAt: 0x1f}},
		{name: "options", options: 40, packet: reply, taken: true},
		{name: "quoted options", packet: withOptions, taken: true},
		{name: "options and quoted options", options: 40, packet: withOptions, taken: true},
		{name: "options and quoted options, other port", options: 40, packet: packettest.Frame{Options: 40, Src: "192.0.2.11:54", Dst: client}},

		{name: "cut in the quoted header", packet: reply, kept: 19},
		{name: "cut behind the quoted header", packet: reply, kept: 20},
		{name: "cut in the quoted ports", packet: reply, kept: 23},
		{name: "cut behind the quoted ports", packet: reply, kept: 24, taken: true},
		{name: "cut in the ports behind options", options: 40, packet: withOptions, kept: 63},
		{name: "cut behind the ports behind options", options: 40, packet: withOptions, kept: 64, taken: true},
		{name: "a quoted IHL shorter than a header, 53 where ports would be", packet: sent("192.0.2.11:53", "0.53.0.1:999"), patchIP: map[int]byte{versionAt: 0x44}},
		{name: "a quoted IHL longer than the frame", packet: reply, patchIP: map[int]byte{versionAt: 0x4f}},
		{name: "quoted IP version 6", packet: reply, patchIP: map[int]byte{versionAt: 0x65}},
	}
}

// aboutRequests returns errors from the network behind the director about packets
// that a client sent to a NAT real server.
func aboutRequests() []quote {
	request := sentTCP(client, "10.0.0.11:8080")
	return []quote{
		{name: "unreachable", packet: request, taken: true},
		{name: "redirect", icmp: 5, packet: request},
		{name: "quoted first fragment", packet: request, patchIP: map[int]byte{flagsAt: moreFragments}, taken: true},
		{name: "quoted later fragment", packet: request, patchIP: map[int]byte{offsetAt: 1}},
		{name: "to another port", packet: sentTCP(client, "10.0.0.11:8081")},
		{name: "of another protocol", packet: sent(client, "10.0.0.11:8080")},
		{name: "from a real server's port", packet: sentTCP("10.0.0.11:8080", client)},
		{name: "to any port of a real server", packet: sentTCP(client, "10.0.0.13:20"), taken: true},
		{name: "to any port of a real server, other protocol", packet: sent(client, "10.0.0.13:20")},
		{name: "to an SCTP real server", packet: sent(client, "10.0.0.14:9"), patchIP: map[int]byte{protoAt: protoSCTP}, taken: true},
		{name: "to an SCTP real server's other port", packet: sent(client, "10.0.0.14:8"), patchIP: map[int]byte{protoAt: protoSCTP}},
		{name: "for the host, about its own packet", packet: sentTCP("10.0.0.1:999", "10.0.0.11:8080")},
		{name: "for the host, about its own packet from a VIP", packet: sentTCP("192.0.2.10:999", "10.0.0.11:8080")},
		{name: "for the host's address in a prefix", packet: sentTCP("203.0.113.65:999", "10.0.0.11:8080")},
		{name: "for the host, about a client's packet", to: "10.0.0.1", packet: request},
	}
}

// aboutTunnels returns errors about packets that the director encapsulated.
func aboutTunnels() []quote {
	const ipip, gre, esp = 4, 47, 50
	wrapped := sent("10.0.0.1:0", "10.0.0.21:0")
	gue := sent("10.0.0.1:33000", "10.0.0.21:6080")
	gueOptions := packettest.Frame{Options: 40, Src: gue.Src, Dst: gue.Dst}
	return []quote{
		{name: "unreachable", packet: wrapped, patchIP: map[int]byte{protoAt: ipip}, taken: true},
		{name: "time exceeded", icmp: 11, packet: wrapped, patchIP: map[int]byte{protoAt: ipip}, taken: true},
		{name: "redirect", icmp: 5, packet: wrapped, patchIP: map[int]byte{protoAt: ipip}},
		{name: "sent from a VIP", packet: sent("192.0.2.10:0", "10.0.0.21:0"), patchIP: map[int]byte{protoAt: ipip}, taken: true},
		{name: "sent by somebody else", packet: sent("198.51.100.1:0", "10.0.0.21:0"), patchIP: map[int]byte{protoAt: ipip}},
		{name: "to somebody else", packet: sent("10.0.0.1:0", "10.0.0.22:0"), patchIP: map[int]byte{protoAt: ipip}},
		{name: "to a NAT real server", packet: sent("10.0.0.1:0", "10.0.0.13:0"), patchIP: map[int]byte{protoAt: ipip}},
		{name: "to a service's address that is no tunnel", packet: sent("10.0.0.1:0", "192.0.2.10:0"), patchIP: map[int]byte{protoAt: ipip}},
		{name: "ESP", packet: wrapped, patchIP: map[int]byte{protoAt: esp}},
		{name: "quoted first fragment", packet: wrapped, patchIP: map[int]byte{protoAt: ipip, flagsAt: moreFragments}, taken: true},
		{name: "quoted later fragment", packet: wrapped, patchIP: map[int]byte{protoAt: ipip, offsetAt: 1}},
		{name: "cut in the quoted header", packet: wrapped, kept: 19, patchIP: map[int]byte{protoAt: ipip}},
		{name: "cut behind the quoted header", packet: wrapped, kept: 20, patchIP: map[int]byte{protoAt: ipip}, taken: true},

		{name: "GRE", packet: wrapped, patchIP: map[int]byte{protoAt: gre}, taken: true},
		{name: "GRE, time exceeded", icmp: 11, packet: wrapped, patchIP: map[int]byte{protoAt: gre}, taken: true},
		{name: "GRE, redirect", icmp: 5, packet: wrapped, patchIP: map[int]byte{protoAt: gre}},
		{name: "GRE sent from a VIP", packet: sent("192.0.2.10:0", "10.0.0.21:0"), patchIP: map[int]byte{protoAt: gre}, taken: true},
		{name: "GRE sent by somebody else", packet: sent("198.51.100.1:0", "10.0.0.21:0"), patchIP: map[int]byte{protoAt: gre}},
		{name: "GRE to somebody else", packet: sent("10.0.0.1:0", "10.0.0.22:0"), patchIP: map[int]byte{protoAt: gre}},
		{name: "GRE to a NAT real server", packet: sent("10.0.0.1:0", "10.0.0.13:0"), patchIP: map[int]byte{protoAt: gre}},
		{name: "GRE, quoted first fragment", packet: wrapped, patchIP: map[int]byte{protoAt: gre, flagsAt: moreFragments}, taken: true},
		{name: "GRE, quoted later fragment", packet: wrapped, patchIP: map[int]byte{protoAt: gre, offsetAt: 1}},

		{name: "GUE", packet: gue, taken: true},
		{name: "GUE, time exceeded", icmp: 11, packet: gue, taken: true},
		{name: "GUE, redirect", icmp: 5, packet: gue},
		{name: "GUE with options", options: 40, packet: gueOptions, taken: true},
		{name: "GUE sent from a VIP", packet: sent("192.0.2.10:33000", "10.0.0.21:6080"), taken: true},
		{name: "GUE sent by somebody else", packet: sent("198.51.100.1:33000", "10.0.0.21:6080")},
		{name: "GUE to somebody else", packet: sent("10.0.0.1:33000", "10.0.0.22:6080")},
		{name: "GUE to a NAT real server", packet: sent("10.0.0.1:33000", "10.0.0.13:6080")},
		{name: "GUE for somebody else", to: "192.0.2.10", packet: gue},
		{name: "GUE's port by TCP", packet: sentTCP("10.0.0.1:33000", "10.0.0.21:6080")},
		{name: "GUE, quoted first fragment", packet: gue, patchIP: map[int]byte{flagsAt: moreFragments}, taken: true},
		{name: "GUE, quoted later fragment", packet: gue, patchIP: map[int]byte{offsetAt: 1}},
		{name: "GUE, cut in the quoted ports", packet: gue, kept: 23},
		{name: "GUE, cut behind the quoted ports", packet: gue, kept: 24, taken: true},
	}
}

func TestPrograms_TakeTheSameErrors(t *testing.T) {
	s := load(t)
	xdp := attachXDP(t, s)
	for what, quotes := range map[string][]quote{
		"about a reply": aboutReplies(), "about a request": aboutRequests(), "about a tunnel": aboutTunnels(),
	} {
		for _, q := range quotes {
			judge(t, s, xdp, decision{what + ": " + q.name, q.frame(), q.taken})
		}
	}
}
