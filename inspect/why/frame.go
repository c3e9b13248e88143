package why

import (
	"fmt"
	"slices"
	"strings"

	"director/neigh"
	"director/packet"
	"director/service"
)

// leastFrame is the length of the shortest Ethernet frame without its checksum.
const leastFrame = 60

// flagLetters are the letters of TCP's flags, from the lowest bit.
const flagLetters = "FSRPAU"

// parse reads the headers of a copy of a frame.
func parse(data []byte) packet.Frame {
	f := packet.Frame{Buf: slices.Clone(data), Len: int32(len(data))}
	packet.Parse(&f)
	return f
}

// made is a frame that was built for a question.
type made struct {
	data  []byte
	iface int
	notes []string
}

// build builds the packet of a question as it would arrive.
func (w *world) build(q *Question, flow packet.Flow) (m made, err error) {
	hop := w.view().Hops.Route(flow.Src)
	if q.Interface != "" {
		if m.iface, err = ifaceOf(w.view(), q.Interface); err != nil {
			return m, wrong("%w", err)
		}
	} else if m.iface = int(hop.Interface); hop.Reason == packet.NoRoute {
		m.iface = 0
		m.notes = append(m.notes, fmt.Sprintf("no route to %v leads through an interface of the director: assumed that the packet arrives on %s", flow.Src, w.name(0)))
	}
	ifaces := w.view().Hops.Interfaces()
	to, from := ifaces[m.iface].MAC, sender(hop, flow.Src)
	frame := make([]byte, packet.EthLen+packet.IPv4Len, packet.MaxFrame)
	packet.Eth(frame).SetAddrs(&to, &from)
	packet.Eth(frame).SetType(packet.EtherTypeIPv4)
	frame, note, err := w.transport(frame, q, flow)
	if err != nil {
		return m, err
	}
	if note != "" {
		m.notes = append(m.notes, note)
	}
	packet.IPv4(frame[packet.EthLen:]).Write(&packet.IPv4Fields{
		TTL: 64, Proto: flow.Proto, TotalLen: uint16(len(frame) - packet.EthLen), FlagsOffset: packet.IPv4DF,
		Src: flow.Src.V4(), Dst: flow.Dst.V4(),
	})
	for len(frame) < leastFrame {
		frame = append(frame, 0)
	}
	m.data = frame
	return m, nil
}

// sender returns the Ethernet address of the sender. If it is not known, it is invented.
func sender(hop *neigh.Hop, src packet.Addr) packet.MAC {
	if hop.Reason == packet.None {
		return hop.Dst
	}
	return invented(src)
}

// invented returns an Ethernet address for a neighbour whose own is not known. It is
// derived from the IP address.
func invented(a packet.Addr) packet.MAC {
	v := a.V4()
	return packet.MAC{0x02, 0, byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
}

// transport appends everything after the IPv4 header.
func (w *world) transport(b []byte, q *Question, flow packet.Flow) (frame []byte, note string, err error) {
	known := w.connection(flow)
	at := len(b)
	if flow.Proto != packet.ProtoTCP && q.Flags != "" {
		return nil, "", wrong("flags are for tcp only: %s has none", protoName(flow.Proto))
	}
	switch flow.Proto {
	case packet.ProtoTCP:
		var flags uint8
		if flags, note, err = w.flags(q, flow, known); err != nil {
			return nil, "", err
		}
		b = append(b, make([]byte, packet.TCPLen)...)
		l4 := packet.L4(b[at:])
		l4.SetTCPFlags(flags, packet.TCPLen)
		l4.SetSeq(1)
		l4[14], l4[15] = 0xfa, 0xf0 // a window of 64240 bytes
	case packet.ProtoUDP:
		b = append(b, make([]byte, packet.UDPLen)...)
		packet.L4(b[at:]).SetUDPLen(packet.UDPLen)
	case packet.ProtoSCTP:
		chunk := initChunk
		if known != nil {
			chunk, note = dataChunk, "the flow has a connection: assumed a DATA chunk"
		}
		b = append(b, make([]byte, packet.SCTPLen)...)
		b = append(b, chunk...)
	}
	l4 := packet.L4(b[at:])
	l4.SetSrcPort(flow.SrcPort)
	l4.SetDstPort(flow.DstPort)
	sum := ^packet.Sum(l4, uint32(packet.PseudoSum(flow.Src.V4(), flow.Dst.V4(), flow.Proto, uint16(len(l4)))))
	switch flow.Proto {
	case packet.ProtoTCP:
		l4.SetTCPChecksum(sum)
	case packet.ProtoUDP:
		if sum == 0 {
			sum = 0xffff // 0 would mean that there is no checksum (RFC 768)
		}
		l4.SetUDPChecksum(sum)
	case packet.ProtoSCTP:
		l4.UpdateSCTPChecksum()
	}
	return b, note, nil
}

// Chunks of SCTP (RFC 9260 §3.3.1 and §3.3.2).
var (
	initChunk = []byte{packet.ChunkInit, 0, 0, 20, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1}
	dataChunk = []byte{packet.ChunkData, 3, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
)

// flags returns the flags of the segment, and a note if they were assumed.
func (w *world) flags(q *Question, flow packet.Flow, known *found) (flags uint8, note string, err error) {
	for _, c := range strings.ToUpper(q.Flags) {
		bit := strings.IndexRune(flagLetters, c)
		if bit < 0 {
			return 0, "", wrong("flags %q: want letters of SAFRPU", q.Flags)
		}
		flags |= 1 << bit
	}
	switch {
	case q.Flags != "":
		return flags, "", nil
	case known != nil:
		return packet.ACK, fmt.Sprintf("the flow has a connection, in %s: assumed an ACK; --flags=S asks about a SYN", known.conn.State()), nil
	case w.view().FromServer(flow.Dst):
		return packet.SYN | packet.ACK, "the destination is not the address of a service: assumed a server's answer, a SYN-ACK", nil
	}
	return packet.SYN, "", nil
}

// hasServer reports whether a real server has the address.
func (w *world) hasServer(a packet.Addr) bool {
	return slices.ContainsFunc(w.view().Services.Servers(), func(s *service.Server) bool { return s != nil && s.Addr == a })
}

// describe reads the headers of a frame that arrived or leaves by an interface. tunnel is
// the tunnel of a frame that is encapsulated, else nil.
func (w *world) describe(data []byte, iface int, tunnel *packet.Tunnel) Packet {
	p := Packet{Interface: w.name(iface), Length: len(data), Bytes: slices.Clone(data)}
	if len(data) < packet.EthLen {
		return p
	}
	p.EthDst, p.EthSrc = packet.MAC(data[0:6]).String(), packet.MAC(data[6:12]).String()
	f := parse(data)
	if f.L3 == 0 {
		p.Proto = fmt.Sprintf("ethertype %#04x", packet.Eth(data).Type())
		return p
	}
	p.Proto, p.TTL = protoName(f.Proto), f.IP().TTL()
	if p.Proto == "" {
		p.Proto = fmt.Sprintf("protocol %d", f.Proto)
	}
	p.Src, p.Dst = endpoint(f.Src, f.SrcPort), endpoint(f.Dst, f.DstPort)
	var q packet.Quote
	switch {
	case tunnel != nil:
		inner := int(tunnel.Overhead())
		if len(data) < packet.EthLen+inner+packet.IPv4Len {
			break
		}
		wrapped := append(slices.Clone(data[:packet.EthLen]), data[packet.EthLen+inner:]...)
		p.Inside = insideOf(parse(wrapped).Flow)
		p.Info = encapNames[tunnel.Encap]
	case packet.ParseQuote(&f, &q):
		p.Inside = insideOf(q.Flow)
	}
	if p.Info == "" {
		p.Info = info(&f)
	}
	return p
}

var encapNames = map[packet.Encap]string{packet.IPIP: "ipip tunnel", packet.GUE: "gue tunnel", packet.GRE: "gre tunnel"}

func insideOf(f packet.Flow) *Inside {
	return &Inside{protoName(f.Proto), endpoint(f.Src, f.SrcPort), endpoint(f.Dst, f.DstPort)}
}

// info describes the purpose of a packet.
func info(f *packet.Frame) string {
	switch {
	case f.IP().FlagsOffset()&(packet.IPv4MF|packet.IPv4OffsetMask) != 0:
		return "fragment"
	case f.Proto == packet.ProtoTCP:
		return tcpFlags(f.TCPFlags)
	case f.Proto == packet.ProtoSCTP:
		return chunkName(f.Chunk)
	case f.Proto == packet.ProtoICMP && int(f.L4)+packet.ICMPLen <= int(f.Len):
		m := packet.ICMP(f.Bytes()[f.L4:])
		s := fmt.Sprintf("type %d code %d", m.Type(), m.Code())
		switch {
		case m.Type() == packet.ICMPUnreachable && m.Code() == packet.CodePort:
			return s + ", port unreachable"
		case m.Type() == packet.ICMPUnreachable && m.Code() == packet.CodeFragNeeded:
			return s + fmt.Sprintf(", fragmentation needed, mtu %d", m.MTU())
		case m.Type() == packet.ICMPTimeExceeded:
			return s + ", time exceeded"
		}
		return s
	}
	return ""
}

func tcpFlags(flags uint8) string {
	var names []string
	for i, name := range [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG"} {
		if flags&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func chunkName(c uint8) string {
	switch c {
	case packet.ChunkData:
		return "DATA"
	case packet.ChunkInit:
		return "INIT"
	case packet.ChunkInitAck:
		return "INIT-ACK"
	case packet.ChunkAbort:
		return "ABORT"
	}
	return fmt.Sprintf("chunk %d", c)
}
