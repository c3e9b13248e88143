package packet

import "slices"

// Encap is what a tunnel puts around a packet.
type Encap uint8

// The encapsulations of IPVS (IP_VS_CONN_F_TUNNEL_TYPE_* in linux/ip_vs.h).
const (
	IPIP Encap = iota // an IPv4 header (RFC 2003)
	GUE               // behind it UDP and four bytes (draft-ietf-intarea-gue-09 §3.2)
	GRE               // behind it four bytes, eight with a checksum (RFC 2784 §2.1)
)

// TunnelChecksum says whether a tunnel's own header covers what is behind it.
type TunnelChecksum uint8

// The checksums of tunnels of GUE, and but for the last one of GRE.
const (
	WithoutChecksum TunnelChecksum = iota
	WithChecksum
	// WithRemoteChecksum is WithChecksum, and leaves to the far end a checksum
	// inside that is still to be computed (draft-herbert-remotecsumoffload). No
	// packet on the wire has one, so none of ours asks for it.
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

// encaps holds what is known of each encapsulation: its name in rules, whether
// the server takes it on a port, and how many of the checksums, in the order of
// their constants, it can have.
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

// HasPort reports whether a tunnel of this encapsulation goes to a port.
func (e Encap) HasPort() bool { return encaps[e].port }

// Allows reports whether a tunnel of this encapsulation can be asked for
// checksum c. For IPIP there is nothing to ask for.
func (e Encap) Allows(c TunnelChecksum) bool { return c < encaps[e].checksums }

// Tunnel is how packets are wrapped for a real server. Port, in host order, is
// where the server takes GUE. The zero Tunnel is IPIP.
type Tunnel struct {
	Encap    Encap
	Checksum TunnelChecksum
	Port     uint16
}

// Headers between the outer IPv4 header and the packet inside.
const (
	// GUELen is the length in bytes of GUE's header behind UDP's, and GUEHeader
	// all of it: version 0, no control message, no options, the packet inside is
	// IPv4 (protocol 4).
	GUELen    = 4
	GUEHeader = ProtoIPIP << 16

	// GRELen is the length in bytes of GRE's header, and GREHeader all of it:
	// version 0, the packet inside is IPv4 (its EtherType). With GREChecksum in
	// it another word follows, whose upper half is the checksum.
	GRELen         = 4
	GREHeader      = EtherTypeIPv4
	GREChecksum    = 1 << 31
	GREChecksumLen = 4
)

// Overhead returns how many bytes a packet gets longer by the tunnel.
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
