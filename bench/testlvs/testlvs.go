// Package testlvs sends TCP SYNs from addresses that no host has, like the testlvs
// program that the paper mentions. The balancer creates an entry for each, but no
// connection is ever established. It is for private test networks, and sends to no
// address that is routed on the Internet.
package testlvs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"time"
)

// ErrPlan is wrapped by errors about an invalid or unsafe Plan.
var ErrPlan = errors.New("plan")

// Sources are addresses that no host has: the benchmark range of RFC 2544.
var Sources = netip.MustParsePrefix("198.18.0.0/15")

// own are the networks that may be flooded: loopback, private ones (RFC 1918),
// documentation (RFC 5737) and benchmarks.
var own = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), Sources,
}

// Plan describes what to send, and where.
type Plan struct {
	Target   netip.AddrPort
	Rate     float64       // SYNs per second, evenly spaced
	Duration time.Duration // how long to send
	Sources  netip.Prefix  // addresses of the senders
	// Connections is the number of senders, each an address and a port, that take
	// turns. 0 means all of Sources.
	Connections uint64
}

// The range of source ports.
const (
	firstPort = 1024
	ports     = 1<<16 - firstPort
)

// Validate returns an error if the plan is invalid.
func (p *Plan) Validate() error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrPlan}, args...)...)
	}
	mine := false
	for _, n := range own {
		mine = mine || n.Contains(p.Target.Addr())
	}
	switch {
	case !p.Target.Addr().Is4() || p.Target.Port() == 0:
		return wrong("target %v: want an IPv4 address and a port", p.Target)
	case !mine:
		return wrong("target %v: want an address of a private, documentation or benchmark network", p.Target)
	case !p.Sources.IsValid() || !p.Sources.Addr().Is4():
		return wrong("sources %v: want an IPv4 prefix", p.Sources)
	case !(p.Rate > 0) || p.Rate > 1e7 || p.Duration <= 0:
		return wrong("%g SYNs per second for %v: want up to 1e7 per second, for a positive duration", p.Rate, p.Duration)
	}
	return nil
}

// senders returns how many senders take turns.
func (p *Plan) senders() uint64 {
	all := uint64(1) << (32 - p.Sources.Bits()) * ports
	if p.Connections > 0 && p.Connections < all {
		return p.Connections
	}
	return all
}

// Lengths of the headers of a SYN, in bytes. The TCP header has one option.
const (
	ipLen  = 20
	optLen = 4
	tcpLen = 20 + optLen
)

// segment is a SYN with its IPv4 header. It is filled in for one sender after
// another.
type segment [ipLen + tcpLen]byte

// newSegment returns a segment without a sender.
func newSegment(to netip.AddrPort) (s segment) {
	s[0] = 4<<4 | ipLen/4
	binary.BigEndian.PutUint16(s[2:], uint16(len(s)))
	s[6] = 0x40 // do not fragment
	s[8] = 64   // time to live
	s[9] = 6    // TCP
	a := to.Addr().As4()
	copy(s[16:], a[:])
	tcp := s[ipLen:]
	binary.BigEndian.PutUint16(tcp[2:], to.Port())
	tcp[12] = tcpLen / 4 << 4
	tcp[13] = 0x02                                // SYN
	binary.BigEndian.PutUint16(tcp[14:], 64240)   // window
	copy(tcp[20:], []byte{2, 4, 1460 >> 8, 0xB4}) // maximum segment size: 1460
	return s
}

// from fills in sender i of a plan. The address changes first, then the port.
func (s *segment) from(p *Plan, i uint64) {
	hosts := uint64(1) << (32 - p.Sources.Bits())
	base := p.Sources.Masked().Addr().As4()
	address := binary.BigEndian.Uint32(base[:]) + uint32(i%hosts)
	binary.BigEndian.PutUint32(s[12:], address)
	binary.BigEndian.PutUint16(s[4:], uint16(i)) // identification
	tcp := s[ipLen:]
	binary.BigEndian.PutUint16(tcp, uint16(firstPort+i/hosts%ports))
	high, low := bits.Mul64(i+1, 0x9E3779B97F4A7C15) // multiplying by the golden ratio's bits gives numbers that look random
	binary.BigEndian.PutUint32(tcp[4:], uint32(high^low>>32))
	s[10], s[11], tcp[16], tcp[17] = 0, 0, 0, 0
	binary.BigEndian.PutUint16(s[10:], ^fold(sum(0, s[:ipLen])))
	pseudo := sum(6+tcpLen, s[12:ipLen]) // protocol and length: RFC 9293 section 3.1
	binary.BigEndian.PutUint16(tcp[16:], ^fold(sum(pseudo, tcp)))
}

// sum adds 16-bit words (RFC 1071). The number of bytes is even.
func sum(s uint32, b []byte) uint32 {
	for i := 0; i < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xFFFF {
		s = s>>16 + s&0xFFFF
	}
	return uint16(s)
}
