// Package packettest builds and checks frames for tests. It uses gopacket, which is
// independent of director's own parser. Only tests import it.
package packettest

import (
	"fmt"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/packet"
)

// Decoded is a frame as gopacket decodes it. Outer is set for a packet in a tunnel.
type Decoded struct {
	Eth     *layers.Ethernet
	Outer   *layers.IPv4
	IP      *layers.IPv4
	TCP     *layers.TCP
	UDP     *layers.UDP
	Payload []byte
}

// Flow returns "source > destination" of the inner packet.
func (d *Decoded) Flow() string {
	sp, dp := 0, 0
	if d.TCP != nil {
		sp, dp = int(d.TCP.SrcPort), int(d.TCP.DstPort)
	} else if d.UDP != nil {
		sp, dp = int(d.UDP.SrcPort), int(d.UDP.DstPort)
	}
	return fmt.Sprintf("%s:%d > %s:%d", d.IP.SrcIP, sp, d.IP.DstIP, dp)
}

// MACs returns the Ethernet addresses. The destination is the first.
func (d *Decoded) MACs() (dst, src packet.MAC) {
	return packet.MAC(d.Eth.DstMAC), packet.MAC(d.Eth.SrcMAC)
}

// Decode decodes frame. It fails the test if the frame cannot be decoded or has a wrong
// checksum.
func Decode(t testing.TB, frame []byte) *Decoded {
	t.Helper()
	d, err := Read(frame)
	if err != nil {
		t.Fatalf("%v\n%s", err, gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default).Dump())
	}
	return d
}

// Read decodes frame and verifies its checksums.
func Read(frame []byte) (*Decoded, error) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	d := &Decoded{}
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			d.Eth = l
		case *layers.IPv4:
			if d.Outer = d.IP; d.Outer != nil && d.Outer.Protocol != layers.IPProtocolIPv4 {
				return nil, fmt.Errorf("outer protocol %v", d.Outer.Protocol)
			}
			d.IP = l
			if sum := ones(l.Contents); sum != 0xffff {
				return nil, fmt.Errorf("IPv4 header of %s sums to %#04x", l.SrcIP, sum)
			}
		case *layers.TCP:
			d.TCP = l
		case *layers.UDP:
			d.UDP = l
		}
	}
	if d.IP == nil || d.TCP == nil && d.UDP == nil {
		// The data behind the transport header does not matter. So an error counts only
		// if gopacket did not reach this header.
		if e := p.ErrorLayer(); e != nil {
			return nil, fmt.Errorf("decode: %w", e.Error())
		}
		return nil, fmt.Errorf("neither TCP nor UDP over IPv4")
	}
	return d, d.verify()
}

// verify computes the transport checksum again, in a simple way.
func (d *Decoded) verify() error {
	segment := d.IP.Payload
	if d.TCP != nil {
		d.Payload = d.TCP.Payload
	} else {
		d.Payload = d.UDP.Payload
		if d.UDP.Checksum == 0 {
			return nil
		}
	}
	pseudo := append(net.IP(nil), d.IP.SrcIP.To4()...)
	pseudo = append(pseudo, d.IP.DstIP.To4()...)
	pseudo = append(pseudo, 0, byte(d.IP.Protocol), byte(len(segment)>>8), byte(len(segment)))
	if sum := ones(append(pseudo, segment...)); sum != 0xffff {
		return fmt.Errorf("%s checksum: segment sums to %#04x", d.IP.Protocol, sum)
	}
	return nil
}

// ones returns the ones' complement sum of RFC 1071, computed in the simplest way.
func ones(b []byte) uint16 {
	sum := 0
	for i, v := range b {
		if i%2 == 0 {
			sum += int(v) << 8
		} else {
			sum += int(v)
		}
		if sum > 0xffff {
			sum -= 0xffff
		}
	}
	return uint16(sum)
}
