package packet

import "slices"

// Encap is the encapsulation of a tunnel.
type Encap uint8

// The encapsulations of IPVS (IP_VS_CONN_F_TUNNEL_TYPE_* in linux/ip_vs.h).
const (
	IPIP Encap = iota // an outer IPv4 header (RFC 2003)
	GUE               // outer IPv4, UDP, and 4 bytes (draft-ietf-intarea-gue-09 §3.2)
	GRE               // outer IPv4, and 4 bytes, or 8 with a checksum (RFC 2784 §2.1)
)

// TunnelChecksum says whether the tunnel header has a checksum over the inner packet.
type TunnelChecksum uint8

// The checksum modes of GUE. GRE has the first two.
const (
	WithoutChecksum TunnelChecksum = iota
	WithChecksum
	// WithRemoteChecksum is like WithChecksum, and also lets the far end compute an
	// inner checksum that is not computed yet (draft-herbert-remotecsumoffload). The
	// checksums of packets from the wire are always computed, so the director never
	// requests this.
	WithRemoteChecksum
)

var checksumNames = [...]string{WithoutChecksum: "none", WithChecksum: "full", WithRemoteChecksum: "remote"}

// String returns the name that the API uses.
func (c TunnelChecksum) String() string { return checksumNames[c] }

// ParseTunnelChecksum is the inverse of String.
func ParseTunnelChecksum(name string) (TunnelChecksum, bool) {
	i := slices.Index(checksumNames[:], name)
	return TunnelChecksum(max(i, 0)), i >= 0
}

// TunnelChecksums returns the names of all checksums.
func TunnelChecksums() []string { return slices.Clone(checksumNames[:]) }

// encaps describes the encapsulations: the name in rules, whether it needs a port,
// and the number of checksum modes. An encapsulation has the first modes in the order
// of their constants.
var encaps = [...]struct {
	name      string
	port      bool
	checksums TunnelChecksum
}{
	IPIP: {"ipip", false, 0},
	GUE:  {"gue", true, 3},
	GRE:  {"gre", false, 2},
}

// String returns the name that rules and the API use.
func (e Encap) String() string { return encaps[e].name }

// ParseEncap is the inverse of String.
func ParseEncap(name string) (Encap, bool) {
	for e := range encaps {
		if encaps[e].name == name {
			return Encap(e), true
		}
	}
	return 0, false
}

// Encaps returns the names of all encapsulations.
func Encaps() (names []string) {
	for _, e := range encaps {
		names = append(names, e.name)
	}
	return names
}

// HasPort reports whether a tunnel of this encapsulation needs a port.
func (e Encap) HasPort() bool { return encaps[e].port }

// Allows reports whether a tunnel of this encapsulation can be configured with
// checksum mode c. IPIP has no checksum mode.
func (e Encap) Allows(c TunnelChecksum) bool { return c < encaps[e].checksums }

// Tunnel configures how packets are wrapped for a real server. Port is the port, in
// host order, to which GUE is sent. The zero Tunnel is IPIP.
type Tunnel struct {
	Encap    Encap
	Checksum TunnelChecksum
	Port     uint16
}

// Headers between the outer IPv4 header and the inner packet.
const (
	// GUELen is the length in bytes of the GUE header, which follows the UDP header.
	// GUEHeader is its content: version 0, no control message, no options, and an
	// inner IPv4 packet (protocol 4).
	GUELen    = 4
	GUEHeader = ProtoIPIP << 16

	// GRELen is the length in bytes of the GRE header. GREHeader is its content:
	// version 0, and the EtherType of an inner IPv4 packet. If GREChecksum is set,
	// another word follows, whose upper half is the checksum.
	GRELen         = 4
	GREHeader      = EtherTypeIPv4
	GREChecksum    = 1 << 31
	GREChecksumLen = 4
)

// Overhead returns the number of bytes that the tunnel adds to a packet.
func (t Tunnel) Overhead() uint16 {
	switch {
	case t.Encap == GUE:
		return IPv4Len + UDPLen + GUELen
	case t.Encap == GRE && t.Checksum != WithoutChecksum:
		return IPv4Len + GRELen + GREChecksumLen
	case t.Encap == GRE:
		return IPv4Len + GRELen
	}
	return IPv4Len
}
