package why_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"director/dataplane/answer"
	"director/inspect/pcap"
	"director/inspect/why"
	"director/internal/packettest"
	"director/packet"
)

// captureOf returns a capture of frames on eth0, one each second.
func captureOf(t testing.TB, frames ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcap.NewWriter(&b, "test", "eth0")
	for i, f := range frames {
		w.Write(&pcap.Frame{Interface: "eth0", Time: int64(i) * 1_000_000_000, Data: f, Length: len(f)})
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func clientFrame(port, flags string) []byte {
	return packettest.Frame{SrcMAC: hostMAC, DstMAC: macs[0], Src: client + ":" + port, Dst: vip + ":80", Flags: flags}.Bytes()
}

// ownFrame returns a frame that the director sent itself.
func ownFrame() []byte {
	return packettest.Frame{SrcMAC: macs[0], DstMAC: hostMAC, Src: vip + ":80", Dst: client + ":1", Flags: "SA"}.Bytes()
}

func TestExplain_TakesACaptureFrameByFrame(t *testing.T) {
	r := newRig(t, 1000, web("rr", 1, 1))
	q := why.Question{Capture: captureOf(t, clientFrame("1", "S"), ownFrame(), clientFrame("1", "A"), clientFrame("2", "S"))}
	before := r.state()
	all, err := r.director().Explain(&q)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 4 {
		t.Fatalf("%d explanations of 4 frames", len(all))
	}
	for i, want := range []string{
		"frame 1 at 00:00:00.000000000", "verdict skip", "from SYN_RECV to ESTABLISHED", "server 10.0.0.11:8080",
	} {
		if got := printed(t, all[i]); !strings.Contains(got, want) {
			t.Errorf("frame %d: want %q in:\n%s", i+1, want, got)
		}
	}
	if after := r.state(); after.Used != before.Used || after.Counts != before.Counts {
		t.Errorf("the director has changed: %+v", after)
	}
}

func TestExplain_TellsWhereAnICMPErrorGoes(t *testing.T) {
	r := newRig(t, 1000, web("rr", 1))
	r.segment(client+":40000", vip+":80", "S")
	r.answer("10.0.0.11:8080", client+":40000", "SA")
	said := packettest.Frame{Src: vip + ":80", Dst: client + ":40000", Flags: "A"}.Bytes()
	about := packet.Frame{Buf: said, Len: int32(len(said))}
	packet.Parse(&about)
	var buf [packet.MaxFrame]byte
	n := answer.Error(buf[:], &about, packet.MustAddr(client), packet.ICMPUnreachable, packet.CodePort, 0, 1)
	packet.Eth(buf[:]).SetAddrs(&macs[0], &hostMAC)
	got := printed(t, r.ask(why.Question{Capture: captureOf(t, buf[:n])}))
	for _, want := range []string{
		"packet icmp 198.51.100.7 → 192.0.2.10 type 3 code 3, port unreachable ttl 64 of tcp 192.0.2.10:80 → 198.51.100.7:40000",
		"stays in SYN_RECV", "server 10.0.0.11:8080 by NAT", "sends icmp 198.51.100.7 → 10.0.0.11", "verdict tx by eth1",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in:\n%s", want, got)
		}
	}
}

func TestExplain_LetsTimePassInACapture(t *testing.T) {
	r := newRig(t, 1000, web("rr", 1, 1))
	var frames [][]byte
	for range 70 { // seconds; a half-open connection expires after 60
		frames = append(frames, ownFrame())
	}
	frames = append([][]byte{clientFrame("1", "S")}, append(frames, clientFrame("1", "S"))...)
	all, err := r.director().Explain(&why.Question{Capture: captureOf(t, frames...)})
	if err != nil {
		t.Fatal(err)
	}
	if c := all[len(all)-1].Connection; c.Found || !c.Begun {
		t.Errorf("the connection of the first frame has not ended: %+v", c)
	}
}

func TestExplain_SaysWhatIsWrongWithAQuestion(t *testing.T) {
	r := newRig(t, 1000, web("rr", 1))
	elsewhere := captureOf(t, clientFrame("1", "S"))
	elsewhere = bytes.ReplaceAll(elsewhere, []byte("eth0"), []byte("eth9"))
	for _, c := range []struct {
		q    why.Question
		want string
	}{
		{why.Question{Proto: "icmp", Src: client + ":1", Dst: vip + ":80"}, `protocol "icmp": an ICMP error goes where the connection goes`},
		{tcp(client, vip+":80"), `the source "198.51.100.7": want ADDRESS:PORT`},
		{tcp(client+":1", "[2001:db8::1]:80"), "the destination \"[2001:db8::1]:80\": IPv6 is not supported"},
		{why.Question{Proto: "tcp", Src: client + ":1", Dst: vip + ":80", Flags: "SX"}, `flags "SX"`},
		{why.Question{Proto: "udp", Src: client + ":1", Dst: vip + ":80", Flags: "S"}, "flags are for tcp only"},
		{why.Question{Proto: "tcp", Src: client + ":1", Dst: vip + ":80", Interface: "eth7"}, "interface eth7 does not carry balanced traffic: use one of eth0, eth1"},
		{why.Question{Proto: "gre", Src: client + ":1", Dst: vip + ":80"}, `protocol "gre": want tcp, udp or sctp`},
		{why.Question{Capture: []byte("no capture at all")}, "the capture: "},
		{why.Question{Capture: captureOf(t)}, "the capture: it has no frame"},
		{why.Question{Capture: elsewhere}, "frame 1: interface eth9 does not carry"},
	} {
		_, err := r.director().Explain(&c.q)
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, why.ErrQuestion) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
}
