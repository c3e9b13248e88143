// Package pcap reads captured frames (pcapng and the classic format) and writes
// pcapng, which names the interface of every frame. It is for Ethernet only.
//
// The formats: draft-ietf-opsawg-pcapng and draft-ietf-opsawg-pcap. The library
// that tests judge packets with reads them too, but would bring two large
// packages and an old golang.org/x/net into the binary that forwards.
package pcap

// Frame is one captured frame.
type Frame struct {
	Interface string // empty in a classic capture
	Time      int64  // nanoseconds since 1970
	Data      []byte // valid until the next call of Next
	Length    int    // on the wire; more than len(Data) where the capture cut it off

	// What a Reader does not fill in.
	Direction Direction
	Comment   []byte // UTF-8; nil: none
}

// Direction says which way a frame went (epb_flags, bits 0 and 1).
type Direction uint8

// The directions.
const (
	Unknown  Direction = 0
	Inbound  Direction = 1
	Outbound Direction = 2
)

// Statistics is what a capture counted on an interface.
type Statistics struct {
	Interface  string
	Start, End int64  // nanoseconds since 1970
	Received   uint64 // frames, whatever a filter said
	Skipped    uint64 // by who captures, without a look (isb_ifdrop)
	Accepted   uint64 // by the filter
	Lost       uint64 // for lack of room on the way to the capture (isb_osdrop)
	Written    uint64 // into the capture
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
	optionName        = 2 // of an interface, as the two below
	optionResolution  = 9
	optionOffset      = 14
	optionFlags       = 2 // of a frame
	optionStart       = 2 // of statistics, as those below
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

	// maxBlock bounds a block, so that a file that is no capture is refused
	// rather than read into memory. It is libpcap's own limit.
	maxBlock = 16 << 20
)
