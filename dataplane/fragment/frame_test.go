package fragment_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/dataplane/fragment"
	"director/internal/packettest"
	"director/packet"
)

// second in nanoseconds.
const second = 1_000_000_000

var seed = [2]uint64{0x243f6a8885a308d3, 0x13198a2e03707344}

// part describes a fragment: its bytes, its datagram and its header fields.
type part struct {
	id      uint16
	offset  int // in bytes
	data    []byte
	more    bool
	df      bool
	tos     uint8
	reply   bool // from the real server
	options []byte
	pad     int // bytes of Ethernet padding
	iface   uint8
}

// frame builds the fragment without gopacket, which would be a hundred times slower.
// The tests use gopacket to check the results.
func (p part) frame() *packet.Frame {
	header := packet.IPv4Len + len(p.options)
	buf := make([]byte, packet.Headroom+packet.EthLen+header+len(p.data)+p.pad)
	b := buf[packet.Headroom:]
	copy(b, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, byte(p.offset), 8, 0})
	ip := b[packet.EthLen:]
	ip[0], ip[1] = 0x40|byte(header/4), p.tos
	binary.BigEndian.PutUint16(ip[2:], uint16(header+len(p.data)))
	binary.BigEndian.PutUint16(ip[4:], p.id)
	flags := uint16(p.offset / 8)
	if p.more {
		flags |= packet.IPv4MF
	}
	if p.df {
		flags |= packet.IPv4DF
	}
	binary.BigEndian.PutUint16(ip[6:], flags)
	ip[8], ip[9] = 64, packet.ProtoUDP
	copy(ip[12:], []byte{10, 0, 1, 50, 10, 0, 1, 100})
	if p.reply {
		copy(ip[12:], []byte{10, 0, 1, 100, 10, 0, 1, 50})
	}
	copy(ip[20:], p.options)
	copy(ip[header:], p.data)
	for i := range p.pad {
		ip[header+len(p.data)+i] = 0xee
	}
	binary.BigEndian.PutUint16(ip[10:], ^packet.Sum(ip[:header], 0))
	return &packet.Frame{Buf: buf, Off: packet.Headroom, Len: int32(len(b))}
}

// parsed returns the frame after packet.Parse, which must return Fragment.
func (p part) parsed(t testing.TB) *packet.Frame {
	t.Helper()
	f := p.frame()
	if r := packet.Parse(f); r != packet.Fragment {
		t.Fatalf("Parse = %v, want %v", r, packet.Fragment)
	}
	return f
}

func (p part) String() string {
	more := ""
	if p.more {
		more = "+"
	}
	return fmt.Sprintf("id %d [%d,%d)%s tos %#x df %v", p.id, p.offset, p.offset+len(p.data), more, p.tos, p.df)
}

// datagram returns a frame with a UDP datagram of n bytes of payload and valid
// checksums.
func datagram(id uint16, n int, options int, r *rand.Rand) []byte {
	payload := make([]byte, n)
	for i := range payload {
		payload[i] = byte(r.Uint32())
	}
	return packettest.Frame{
		UDP: true, Src: "10.0.1.50:4000", Dst: "10.0.1.100:53", ID: id, Options: options, Payload: payload,
		DstMAC: packet.MAC{2, 0, 0, 0, 0, 1}, SrcMAC: packet.MAC{2},
	}.Bytes()
}

// cut divides the data of a datagram into parts. All parts except the last have size
// bytes.
func cut(id uint16, data []byte, size int) (parts []part) {
	for at := 0; at < len(data); at += size {
		end := min(at+size, len(data))
		parts = append(parts, part{id: id, offset: at, data: data[at:end], more: end < len(data)})
	}
	return parts
}

// decode decodes the IPv4 packet of a frame with gopacket. It fails the test if the
// header checksum is wrong.
func decode(t testing.TB, frame []byte) *layers.IPv4 {
	t.Helper()
	ip, ok := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if !ok {
		t.Fatalf("gopacket finds no IPv4 in %x", frame)
	}
	sum := 0
	for i := 0; i < len(ip.Contents); i += 2 {
		sum += int(binary.BigEndian.Uint16(ip.Contents[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	if sum != 0xffff {
		t.Fatalf("IPv4 header %x sums to %#x", ip.Contents, sum)
	}
	return ip
}

// add adds the parts to the table in order and returns the last outcome.
func add(t testing.TB, table *fragment.Table, d *fragment.Datagram, now int64, parts ...part) (o fragment.Outcome) {
	t.Helper()
	for _, p := range parts {
		o = table.Add(p.parsed(t), p.iface, now, d)
	}
	return o
}
