package micro

import (
	"encoding/binary"
	"math/bits"

	"director/packet"
	"director/service"
)

const (
	// lineLen is the size of a frame in memory: 64 bytes on the wire, but the frame
	// check sequence of 4 bytes does not reach memory.
	lineLen  = 64
	frameLen = lineLen - 4
	ipLen    = packet.IPv4Len + packet.TCPLen
	ttl      = 64

	clientBits = 17                     // of client addresses
	clientNet  = 198<<24 | 18<<16       // 198.18.0.0/15 (RFC 2544 appendix C)
	firstPort  = 1024                   // of clients
	virtualIP  = 192<<24 | 2<<8 | 10    // 192.0.2.10
	serverIP   = 10<<24 | 11            // 10.0.0.11, the first server
	ownIP      = 10<<24 | 1             // 10.0.0.1
	gatewayIP  = 10<<24 | 254           // 10.0.0.254, towards the clients
	servers    = 8                      // a power of two
	virtual    = 80                     // port
	masked     = 8080                   // port of servers behind NAT
	firstFresh = 1 << (clientBits + 10) // number of the first flow that is in no table before it is measured
)

// Offsets in a frame, in bytes.
const (
	l3      = packet.EthLen
	l4      = packet.EthLen + packet.IPv4Len
	endOfIP = packet.EthLen + ipLen
	// Offsets of the 8-byte words that differ between frames.
	addrsAt = l3 + 10 // IP checksum, source, first half of the destination
	portsAt = l4 - 2  // second half of the destination, ports, half of the sequence number
	sumAt   = l4 + 14 // window, TCP checksum, urgent pointer, padding
)

var (
	ownMAC     = packet.MAC{2, 0, 0, 0, 0, 1}
	gatewayMAC = packet.MAC{2, 0, 0, 0, 0, 254}
)

func serverMAC(n uint32) packet.MAC { return packet.MAC{2, 0, 0, 0, 1, byte(n)} }

// client returns the address and port of a flow, given its number.
func client(flow uint32) (addr, port uint32) {
	return clientNet + flow&(1<<clientBits-1), firstPort + flow>>clientBits
}

// flowOf is the inverse of client.
func flowOf(addr uint32, port uint16) uint32 {
	return addr - clientNet | (uint32(port)-firstPort)<<clientBits
}

// path is a direction and forwarding method of packets.
type path struct {
	name   string
	method service.Method
	reply  bool
}

var paths = []path{
	{"nat-in", service.NAT, false},
	{"nat-reply", service.NAT, true},
	{"dr", service.DR, false},
	{"tun", service.TUN, false},
}

// serverPort returns the port of the real servers.
func (p path) serverPort() uint16 {
	if p.method == service.NAT {
		return masked
	}
	return virtual
}

// flow returns the five-tuple of packets from a flow's client.
func flow(number uint32) packet.Flow {
	addr, port := client(number)
	return packet.Flow{
		Src: packet.AddrFrom4(addr), SrcPort: uint16(port),
		Dst: packet.AddrFrom4(virtualIP), DstPort: virtual, Proto: packet.ProtoTCP,
	}
}

// traffic makes the frames of a case. A frame costs some arithmetic and the writing
// of one cache line. Only memory of traffic itself is read.
type traffic struct {
	_        [64]byte // keeps two workers' traffic on different cache lines
	template [lineLen]byte
	ip, tcp  uint32          // checksums of the constant part of the template
	addrs    uint64          // the template's word at addrsAt,
	ports    uint64          // at portsAt
	sum      uint64          // and at sumAt
	order    [servers]uint32 // addresses of the servers of the flows, in turn
	reply    bool

	random uint64
	flows  uint32 // random flows from 0..flows-1; 0: flows in turn
	next   uint32 // in turn: the next flow
	left   uint32 // in turn: how many flows are left
	_      [64]byte
}

// newTraffic returns the packets of established connections on a path. order
// contains the servers of the flows 0, 1, ...; it repeats.
func newTraffic(p path, order [servers]uint32, flows, seed uint32) *traffic {
	t := &traffic{order: order, reply: p.reply, flows: flows, random: uint64(seed) << 32}
	t.blank(p, packet.ACK)
	return t
}

// newSYNs returns first packets. A call of ask sets their flows.
func newSYNs(p path) *traffic {
	t := &traffic{}
	t.blank(p, packet.SYN)
	return t
}

// blank makes the template: everything except the client, the server and the
// checksums.
func (t *traffic) blank(p path, flags uint8) {
	from, to := uint32(0), uint32(virtualIP)
	mac, srcPort, dstPort := gatewayMAC, uint16(0), uint16(virtual)
	if p.reply {
		from, to = 0, 0
		mac, srcPort, dstPort = serverMAC(0), p.serverPort(), 0
	}
	b := t.template[:]
	packet.Eth(b).SetAddrs(&ownMAC, &mac)
	packet.Eth(b).SetType(packet.EtherTypeIPv4)
	ip, tcp := packet.IPv4(b[l3:l4]), packet.L4(b[l4:endOfIP])
	ip.Blank()
	ip.SetTotalLen(ipLen)
	ip.SetFlagsOffset(packet.IPv4DF)
	ip.SetTTL(ttl)
	ip.SetProto(packet.ProtoTCP)
	ip.SetSrc(from)
	ip.SetDst(to)
	tcp.SetSrcPort(srcPort)
	tcp.SetDstPort(dstPort)
	tcp.SetTCPFlags(flags, packet.TCPLen)
	t.ip = uint32(packet.Sum(ip, 0))
	t.tcp = uint32(packet.Sum(tcp, uint32(packet.PseudoSum(from, to, packet.ProtoTCP, packet.TCPLen))))
	word := func(at int) uint64 { return binary.BigEndian.Uint64(b[at:]) }
	t.addrs, t.ports, t.sum = word(addrsAt), word(portsAt), word(sumAt)
}

// ask sets the flows of the next n frames: one frame for each, starting with first.
func (t *traffic) ask(first, n uint32) { t.next, t.left = first, n }

// batch returns how many of n frames are available.
func (t *traffic) batch(n int) int {
	if t.flows == 0 {
		n = min(n, int(t.left))
		t.left -= uint32(n)
	}
	return n
}

// number returns the flow of the next frame: random (wyrand), or in turn.
func (t *traffic) number() uint32 {
	if t.flows == 0 {
		t.next++
		return t.next - 1
	}
	t.random += 0xa0761d6478bd642f
	hi, lo := bits.Mul64(t.random, t.random^0xe7037ed1a0b428db)
	return uint32(uint64(uint32(hi^lo)) * uint64(t.flows) >> 32)
}

// write receives n frames, or fewer if there are no more or the batch is full. Each
// frame uses the next chunk of memory. It returns the chunk after the last.
//
// Every row includes its cost, the floor too. So it is one loop without calls, and
// it writes each frame once, in words. The words that differ between frames are
// computed in registers. The others are copied in pieces of sizes for which the
// compiler has instructions.
func (t *traffic) write(batch *packet.Batch, n int, memory *umem, next uint32) uint32 {
	for range t.batch(min(n, packet.BatchSize-batch.N)) {
		chunk := &memory[next%chunks]
		f := batch.Add()
		f.Buf = chunk[:]
		f.Off, f.Len = packet.Headroom, frameLen
		f.Token = uint64(next % chunks * chunkSize)
		next++

		number := t.number()
		addr, port := client(number)
		sum, addrs, ports := addr, uint64(addr)<<16, uint64(port)<<32
		if t.reply {
			server := t.order[number%servers]
			sum, addrs, ports = addr+server, uint64(server)<<16|uint64(addr>>16), uint64(addr)<<48|uint64(port)<<16
		}
		b, from := (*[lineLen]byte)(chunk[packet.Headroom:]), &t.template
		*(*[16]byte)(b[:]) = *(*[16]byte)(from[:])
		*(*[8]byte)(b[16:]) = *(*[8]byte)(from[16:])
		binary.BigEndian.PutUint64(b[addrsAt:], t.addrs|addrs|checksum(t.ip+sum)<<48)
		binary.BigEndian.PutUint64(b[portsAt:], t.ports|ports)
		*(*[8]byte)(b[portsAt+8:]) = *(*[8]byte)(from[portsAt+8:])
		binary.BigEndian.PutUint64(b[sumAt:], t.sum|checksum(t.tcp+sum+port)<<32)
		*(*[8]byte)(b[sumAt+8:]) = *(*[8]byte)(from[sumAt+8:])
	}
	return next
}

// checksum returns the Internet checksum for a sum, not 0, of 16-bit and 32-bit
// words. The sum is added to itself rotated by 16 bits. This adds the two halves,
// and the carry of the lower half goes into the upper half, which holds the result.
func checksum(sum uint32) uint64 {
	return uint64(^(sum + bits.RotateLeft32(sum, 16)) >> 16)
}
