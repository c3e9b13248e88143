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

// Flow is the five-tuple of a packet. Ports are in host order.
type Flow struct {
	Src, Dst         Addr
	SrcPort, DstPort uint16
	Proto            uint8
}

// Reverse returns the flow of the opposite direction.
func (f Flow) Reverse() Flow {
	return Flow{Src: f.Dst, Dst: f.Src, SrcPort: f.DstPort, DstPort: f.SrcPort, Proto: f.Proto}
}

// Header is what Parse reads from a frame. L3 and L4 are offsets of the IP header and
// of the transport header from the first byte of the Ethernet header. IPLen is the
// length in bytes of the IP packet with its header. It can be less than the rest of
// the frame, because Ethernet pads short frames.
//
// TCPFlags are the flags of a TCP segment. Chunk is the type of the chunk that
// determines what an SCTP packet is for. To is the Ethernet destination. Plain
// reports whether the frame has plain headers: see type Plain.
type Header struct {
	Flow
	L3, L4   uint16
	IPLen    uint16
	TCPFlags uint8
	Chunk    uint8
	Plain    bool
	To       MACKey
}
