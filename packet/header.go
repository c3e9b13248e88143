package packet

// IP protocol numbers (IANA) that the director balances or produces.
const (
	ProtoICMP = 1
	ProtoIPIP = 4
	ProtoTCP  = 6
	ProtoUDP  = 17
	ProtoGRE  = 47
	ProtoSCTP = 132
)

// Flow is the five-tuple of a packet as the packet shows it. Ports are in host
// order.
type Flow struct {
	Src, Dst         Addr
	SrcPort, DstPort uint16
	Proto            uint8
}

// Reverse returns the flow of the answer.
func (f Flow) Reverse() Flow {
	return Flow{Src: f.Dst, Dst: f.Src, SrcPort: f.DstPort, DstPort: f.SrcPort, Proto: f.Proto}
}

// Header is what Parse found in a frame. L3 and L4 are offsets from the first
// byte of the Ethernet header; IPLen is the length in bytes of the IP packet,
// header included, which may be less than the frame (Ethernet padding).
// TCPFlags is TCP's; Chunk, the type of the chunk that says what an SCTP packet
// is for, is SCTP's. To is the Ethernet destination. Plain says that the frame
// begins with the headers of the type of that name.
type Header struct {
	Flow
	L3, L4   uint16
	IPLen    uint16
	TCPFlags uint8
	Chunk    uint8
	Plain    bool
	To       MACKey
}
