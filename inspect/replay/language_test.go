package replay_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/packet"
)

func testNetwork() *network {
	return &network{stations: []station{
		{name: "rs1", iface: "eth1", mac: packet.MAC{2, 0, 0, 0, 1, 1}, prefix: netip.MustParsePrefix("10.0.0.11/32")},
		{name: "eth1", mac: packet.MAC{2, 0, 0, 0, 0, 2}},
	}}
}

// TestFrame_PrintsWhatItReads checks that reading and printing a frame are inverse.
func TestFrame_PrintsWhatItReads(t *testing.T) {
	n := testNetwork()
	for _, line := range []string{
		"0.000 eth1 10.0.0.11:80 > 198.51.100.7:4000 tcp SA ttl=64 tos=0x10 id=7 seq=1 ack=4294967295 win=1 len=100 df",
		"1.500 eth1 10.0.0.11:80 > 198.51.100.7:4000 udp ttl=1 len=3 nosum from=eth1 to=rs1",
		"1.500 eth1 10.0.0.11:80 > 198.51.100.7:4000 tcp - ttl=255 badsum to=02:00:00:00:00:77",
		"1.500 eth1 10.0.0.11:80 > 198.51.100.7:4000 tcp R ttl=64 unpadded",
		`1.500 eth1 10.0.0.11:21 > 198.51.100.7:4000 tcp PA ttl=64 opt=94040000 tcpopt=0101080a0000000100000002 data="227 (10,0)\r\n"`,
		"2.000 eth1 10.0.0.11 > 198.51.100.7 icmp 8/0 ttl=64 seq=5 mtu=1 len=8",
		"2.000 eth1 10.0.0.11 > 198.51.100.7 icmp 3/4 ttl=64 mtu=1300 badsum | 192.0.2.10:80 > 198.51.100.7:4000 tcp - ttl=63 seq=9 win=0 len=1460 quote=28 df",
		"2.000 eth1 10.0.0.11 > 198.51.100.7 icmp 3/3 ttl=64 | 192.0.2.10:80 > 198.51.100.7:4000 udp ttl=63 len=900 quote=548 sum=0x1234",
		"2.000 eth1 10.0.0.11 > 198.51.100.7 icmp 11/0 ttl=64 len=7",
		"2.000 eth1 10.0.0.1 > 10.0.0.11 ipip ttl=63 tos=0x2a df | 198.51.100.7:4000 > 192.0.2.10:80 tcp S ttl=63 tos=0x2a df",
		"2.000 eth1 10.0.0.1 > 10.0.0.11 gre ttl=63 csum | 198.51.100.7:4000 > 192.0.2.10:80 tcp S ttl=63",
		"2.000 eth1 10.0.0.1:5000 > 10.0.0.11:6080 gue ttl=63 nosum | 198.51.100.7:4000 > 192.0.2.10:80 tcp S ttl=63",
		"2.000 eth1 10.0.0.11 > 10.0.0.1 icmp 3/4 ttl=64 mtu=1400 | 10.0.0.1 > 10.0.0.11 ipip ttl=63 quote=48 | 198.51.100.7:4000 > 192.0.2.10:80 tcp - ttl=63 win=0 len=1400",
		"3.000 eth1 10.0.0.11:80 > 198.51.100.7:4000 sctp C-ECHO+ABORT ttl=64 seq=77",
		"3.000 eth1 10.0.0.11:80 > 198.51.100.7:4000 sctp DATA ttl=64 len=5 badsum",
		"3.000 eth1 10.0.0.11:80 > 198.51.100.7:4000 sctp - ttl=64",
		"3.000 eth1 10.0.0.11:80 > 198.51.100.7:4000 sctp 130 ttl=64 sum=0xa0b0c0d",
		"4.000 eth1 10.0.0.11:80 > 198.51.100.7:4000 udp ttl=64 id=7 frag=0/808 len=2000",
		"4.000 eth1 10.0.0.11 > 198.51.100.7 udp ttl=64 id=7 frag=808/800+ len=1600",
		"4.000 eth1 10.0.0.11 > 198.51.100.7 udp ttl=64 id=7 frag=1608/400 len=2000",
		"4.000 eth1 10.0.0.11:80 > 198.51.100.7:4000 tcp A ttl=64 id=7 frag=0/1376+ len=1356 sum=0x1234",
		"4.000 eth1 10.0.0.1 > 10.0.0.11 ipip ttl=63 id=7 frag=0/1480+ | 198.51.100.7:4000 > 192.0.2.10:80 tcp A ttl=63 len=1460",
		"4.000 eth1 10.0.0.1:5000 > 10.0.0.11:6080 gue ttl=63 id=7 frag=0/80 nosum | 198.51.100.7:4000 > 192.0.2.10:80 tcp A ttl=63 len=100",
		"4.000 eth1 10.0.0.1 > 10.0.0.11 ipip ttl=63 id=7 frag=1480/4 hex=a0a1a2a3",
		"4.000 eth1 10.0.0.11 > 198.51.100.7 esp ttl=64 len=40",
		"2.000 eth1 10.0.0.11 > 10.0.0.1 arp",
		"2.000 eth1 0011223344556677889900aabbcc",
	} {
		f, err := n.parseFrame(line, 0)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if got := n.print(decode(f.captured(), begin)); got != line {
			t.Errorf("printed\n%s, want\n%s", got, line)
		}
	}
}

// Different words may build the same bytes.
func TestFrame_SaysTheSameInManyWords(t *testing.T) {
	n := testNetwork()
	for _, pair := range [][2]string{
		{ // the complete datagram, and one of its fragments
			"eth1 10.0.0.11:80 > 198.51.100.7:4000 udp frag=808/800 len=2000",
			"eth1 10.0.0.11 > 198.51.100.7 udp frag=808/800+ len=1600",
		}, { // a checksum that is right for other ends
			"eth1 10.0.0.11:80 > 198.51.100.7:4000 udp len=4 summed=192.0.2.10:80>198.51.100.7:4000",
			"eth1 10.0.0.11:80 > 198.51.100.7:4000 udp len=4 sum=0x19d",
		}, { // the part that is cut off does not matter
			"eth1 10.0.0.11 > 198.51.100.7 icmp 3/0 | 192.0.2.10:80 > 198.51.100.7:4000 tcp SA win=7 quote=28",
			"eth1 10.0.0.11 > 198.51.100.7 icmp 3/0 | 192.0.2.10:80 > 198.51.100.7:4000 tcp R quote=28",
		},
	} {
		var printed [2]string
		for i, line := range pair {
			f, err := n.parseFrame(line, 0)
			if err != nil {
				t.Fatal(err)
			}
			printed[i] = n.print(decode(f.captured(), begin))
		}
		if printed[0] != printed[1] {
			t.Errorf("%s\nis not\n%s", printed[0], printed[1])
		}
	}
}

// A field that a case leaves open fits any value. A name fits one value only.
func TestFrame_LeavesFieldsOpen(t *testing.T) {
	s := &scenario{network: *testNetwork()}
	read := func(lines ...string) (frames []*frame) {
		for _, line := range lines {
			f, err := s.parseFrame("eth1 10.0.0.11 > 198.51.100.7 "+line, 0)
			if err != nil {
				t.Fatal(err)
			}
			frames = append(frames, f)
		}
		return frames
	}
	for _, test := range []struct {
		want, got []string
		equal     bool
	}{
		{[]string{"icmp 8/0 id=*"}, []string{"icmp 8/0"}, true},
		{[]string{"icmp 8/0 id=*"}, []string{"icmp 8/0 id=5 tos=1"}, false},
		{[]string{"icmp 8/0 id=$a", "icmp 8/0 id=$a"}, []string{"icmp 8/0 id=5", "icmp 8/0 id=5"}, true},
		{[]string{"icmp 8/0 id=$a", "icmp 8/0 id=$a"}, []string{"icmp 8/0 id=5", "icmp 8/0 id=6"}, false},
		{[]string{"icmp 8/0 id=$a", "icmp 8/0 id=$b"}, []string{"icmp 8/0 id=5", "icmp 8/0 id=5"}, false},
		{[]string{"icmp 8/0 id=$a"}, []string{"icmp 8/0"}, false},
	} {
		want, got := s.print(t, read(test.want...), capture(t, read(test.got...)), names{})
		if cmp.Equal(want, got) != test.equal {
			t.Errorf("%q and %q: equal %v, want %v", test.want, test.got, !test.equal, test.equal)
		}
	}
}
