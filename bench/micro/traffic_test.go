package micro

import (
	"fmt"
	"testing"

	"director/internal/packettest"
	"director/packet"
)

func TestTraffic_MakesFramesThatOthersUnderstand(t *testing.T) {
	order := [servers]uint32{serverIP + 3, serverIP + 1, serverIP, serverIP + 2, serverIP + 4, serverIP + 5, serverIP + 6, serverIP + 7}
	for _, p := range paths {
		for _, number := range []uint32{0, 1, 65_535, 1<<clientBits - 1, 1 << clientBits, 999_999, firstFresh} {
			var b [lineLen]byte
			newTraffic(p, order, 1, 0).write(&b, number)
			got := packettest.Decode(t, b[:frameLen])
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
				t.Errorf("flow %d is taken for %d", number, back)
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
			t.Errorf("flow %d drawn %d times of 10000, want about 100, below 100 only", n, times)
		}
	}
	if len(seen) != 100 {
		t.Errorf("%d flows of 100 drawn", len(seen))
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
				t.Errorf("frame %d is no SYN", i)
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

func TestSpreadOf_TakesTheMiddle(t *testing.T) {
	for _, c := range []struct {
		samples []float64
		want    Spread
	}{
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{3, 1}, Spread{1, 2, 3}},
		{[]float64{5, 1, 2}, Spread{1, 2, 5}},
	} {
		if got := spreadOf(c.samples); got != c.want {
			t.Errorf("%v: %v, want %v", c.samples, got, c.want)
		}
	}
}

func TestFlowName_IsShort(t *testing.T) {
	for n, want := range map[uint32]string{1: "1", 100: "100", 1000: "1k", 1500: "1500", 64_000: "64k", 1_000_000: "1M"} {
		if got := flowName(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
