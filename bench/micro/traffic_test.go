package micro

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/internal/packettest"
	"director/packet"
)

// order is a possible order of the servers.
var order = [servers]uint32{serverIP + 3, serverIP + 1, serverIP, serverIP + 2, serverIP + 4, serverIP + 5, serverIP + 6, serverIP + 7}

// numbers are flow numbers at the limits of their parts.
var numbers = []uint32{0, 1, 65_535, 65_536, 1<<clientBits - 1, 1 << clientBits, 999_999, firstFresh, 1<<32 - 1}

// memoryOf returns a frame of a flow, with its whole cache line, in a chunk of
// memory that was used before.
func memoryOf(t *traffic, memory *umem, number uint32) []byte {
	var b packet.Batch
	line := memory[7][packet.Headroom:][:lineLen]
	for i := range line {
		line[i] = 0xa5
	}
	t.flows = 0
	t.ask(number, 1)
	t.write(&b, packet.BatchSize, memory, chunks+7)
	return line
}

func TestTraffic_MakesFramesThatOthersUnderstand(t *testing.T) {
	memory := new(umem)
	for _, p := range paths {
		for _, number := range numbers {
			got := packettest.Decode(t, memoryOf(newTraffic(p, order, 1, 0), memory, number)[:frameLen])
			addr, port := client(number)
			from := fmt.Sprintf("%s:%d", packet.AddrFrom4(addr), port)
			want := from + " > 192.0.2.10:80"
			if p.reply {
				want = fmt.Sprintf("%s:8080 > %s", packet.AddrFrom4(order[number%servers]), from)
			}
			if got.Flow() != want || !got.TCP.ACK || got.TCP.SYN {
				t.Errorf("%s, flow %d: %s, SYN %v, ACK %v, want %s, an ACK", p.name, number, got.Flow(), got.TCP.SYN, got.TCP.ACK, want)
			}
			if back := flowOf(addr, uint16(port)); back != number {
				t.Errorf("flow %d is read back as %d", number, back)
			}
		}
	}
}

// plainly makes a frame field by field, and computes the checksums at the end.
func plainly(p path, number uint32, flags uint8) []byte {
	b := make([]byte, lineLen)
	addr, port := client(number)
	src, dst, sport, dport, mac := addr, uint32(virtualIP), uint16(port), uint16(virtual), gatewayMAC
	if p.reply {
		src, dst, sport, dport, mac = order[number%servers], addr, p.serverPort(), uint16(port), serverMAC(0)
	}
	packet.Eth(b).SetAddrs(&ownMAC, &mac)
	packet.Eth(b).SetType(packet.EtherTypeIPv4)
	ip, tcp := packet.IPv4(b[l3:l4]), packet.L4(b[l4:endOfIP])
	ip.Write(&packet.IPv4Fields{TotalLen: ipLen, FlagsOffset: packet.IPv4DF, TTL: ttl, Proto: packet.ProtoTCP, Src: src, Dst: dst})
	tcp.SetSrcPort(sport)
	tcp.SetDstPort(dport)
	tcp.SetTCPFlags(flags, packet.TCPLen)
	tcp.SetTCPChecksum(^packet.Sum(tcp, uint32(packet.PseudoSum(src, dst, packet.ProtoTCP, packet.TCPLen))))
	return b
}

func TestTraffic_WritesAllBytesOfALine(t *testing.T) {
	memory, random := new(umem), rand.New(rand.NewPCG(3, 4))
	some := slices.Clone(numbers)
	for range 1000 {
		some = append(some, random.Uint32())
	}
	for _, p := range paths {
		for kind, tr := range map[uint8]*traffic{packet.ACK: newTraffic(p, order, 1, 0), packet.SYN: newSYNs(p)} {
			if kind == packet.SYN && p.reply {
				continue // servers begin no connection here
			}
			for _, number := range some {
				if diff := cmp.Diff(plainly(p, number, kind), memoryOf(tr, memory, number)); diff != "" {
					t.Fatalf("%s, flow %d, TCP flags %#x (-want +got):\n%s", p.name, number, kind, diff)
				}
			}
		}
	}
}

func TestTraffic_DrawsAllFlows(t *testing.T) {
	tr := newTraffic(paths[0], [servers]uint32{}, 100, 7)
	seen := map[uint32]int{}
	for range 10_000 {
		seen[tr.number()]++
	}
	for n, times := range seen {
		if n >= 100 || times < 50 || times > 150 {
			t.Errorf("flow %d was chosen %d times of 10000, want about 100, and no flow above 99", n, times)
		}
	}
	if len(seen) != 100 {
		t.Errorf("%d flows of 100 were chosen", len(seen))
	}
}

func TestPort_ReceivesWhatIsAskedFor(t *testing.T) {
	p, err := newPort()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.traffic = newSYNs(paths[0])
	p.traffic.ask(firstFresh, packet.BatchSize+1)
	var b packet.Batch
	for _, want := range []int{packet.BatchSize, 1, 0} {
		if err := p.Recv(&b); err != nil || b.N != want {
			t.Fatalf("%d frames, %v, want %d", b.N, err, want)
		}
		for i := range b.N {
			if d := packettest.Decode(t, b.Frames[i].Bytes()); !d.TCP.SYN || d.TCP.ACK {
				t.Errorf("frame %d is not a SYN", i)
			}
			b.Frames[i].Verdict = packet.Tx
		}
		if err := p.Flush(&b); err != nil || b.N != 0 {
			t.Fatalf("%d frames left, %v", b.N, err)
		}
	}
	if p.sent != packet.BatchSize+1 {
		t.Errorf("%d frames sent, want %d", p.sent, packet.BatchSize+1)
	}
}

func TestFloor_ExchangesTheAddresses(t *testing.T) {
	p, err := newPort()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.traffic, p.keep = newTraffic(paths[0], [servers]uint32{}, 1, 0), 1
	var b packet.Batch
	if n, err := floor(p, &b); n != packet.BatchSize || err != nil {
		t.Fatalf("%d frames, %v", n, err)
	}
	if dst, src := packettest.Decode(t, p.kept[0]).MACs(); dst != gatewayMAC || src != ownMAC {
		t.Errorf("to %v from %v, want to %v from %v", dst, src, gatewayMAC, ownMAC)
	}
}

func TestFlowName_IsShort(t *testing.T) {
	for n, want := range map[uint32]string{1: "1", 100: "100", 1000: "1k", 1500: "1500", 64_000: "64k", 1_000_000: "1M"} {
		if got := flowName(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
