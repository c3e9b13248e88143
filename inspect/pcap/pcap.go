// Package pcap reads captured frames in the pcapng format and in the classic format,
// and writes pcapng, which names the interface of every frame. It supports Ethernet
// only.
//
// The formats are specified in draft-ietf-opsawg-pcapng and draft-ietf-opsawg-pcap.
// docs/dependencies.md says why the package does not use gopacket's pcapgo.
package pcap

// Frame is one captured frame.
type Frame struct {
	Interface string // empty in a classic capture
	Time      int64  // nanoseconds since 1970
	Data      []byte // valid until the next call of Next
	Length    int    // on the wire; more than len(Data) if the capture has only a part

	// A Reader does not set these.
	Direction Direction
	Comment   []byte // UTF-8; nil: none
}

// Direction is the direction of a frame (epb_flags, bits 0 and 1).
type Direction uint8

// The directions.
const (
	Unknown  Direction = 0
	Inbound  Direction = 1
	Outbound Direction = 2
)

// Statistics are the counters of a capture on one interface.
type Statistics struct {
	Interface  string
	Start, End int64  // nanoseconds since 1970
	Received   uint64 // all frames, before the filter
	Skipped    uint64 // not examined by the capturing program (isb_ifdrop)
	Accepted   uint64 // by the filter
	Lost       uint64 // because a buffer was full (isb_osdrop)
	Written    uint64 // to the capture
	Comment    []byte // nil: none
}

// Types of blocks and numbers of options that are read or written.
const (
	sectionBlock   = 0x0a0d0d0a
	interfaceBlock = 1
	oldPacketBlock = 2
	simpleBlock    = 3
	statisticBlock = 5
	packetBlock    = 6

	optionEnd         = 0
	optionComment     = 1 // of any block
	optionApplication = 4 // of a section
	optionName        = 2 // of an interface, like the two below
	optionResolution  = 9
	optionOffset      = 14
	optionFlags       = 2 // of a frame
	optionStart       = 2 // of statistics, like those below
	optionStop        = 3
	optionReceived    = 4
	optionSkipped     = 5
	optionAccepted    = 6
	optionLost        = 7
	optionDelivered   = 8
)

const (
	byteOrderMagic = 0x1a2b3c4d
	ethernet       = 1 // LINKTYPE_ETHERNET

	classicMicro = 0xa1b2c3d4
	classicNano  = 0xa1b23c4d

	// maxBlock is the largest size of a block. So a file that is not a capture is
	// refused and not read into memory. The limit is that of libpcap.
	maxBlock = 16 << 20
)
