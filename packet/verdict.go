package packet

// Verdict says what a port does with a frame at the end of its batch.
type Verdict uint8

const (
	// Pending means that no stage has decided yet. Flush treats it as Drop.
	Pending Verdict = iota
	// Tx transmits the frame through the port that lent it.
	Tx
	// Drop releases the frame. The frame is counted under its Reason.
	Drop
	// Host reinjects the frame into the kernel, unchanged.
	Host
	// Moved releases the frame, because a copy of it leaves by another interface.
	Moved
)

// Reason says why a frame was dropped or left to the kernel. The names are stable,
// because scripts and dashboards rely on them. docs/drops.md explains each of them.
type Reason uint8

// The reasons, in the order in which a packet can meet them.
const (
	None Reason = iota
	Truncated
	NotIPv4
	NotForUs
	BadHeader
	Fragment
	Protocol
	BadSource
	NoService
	NoConnection
	NoServer
	ServerRemoved
	DropPacket
	TableFull
	TTL
	MTU
	NoRoute
	Neighbor
	LinkDown
	TxFull
	HandoffFull
	LocalServer
	BadChecksum
	Relayed
	NoCallID
	Reasons // the number of reasons
)

var reasonNames = [Reasons]string{
	None:          "none",
	Truncated:     "truncated",
	NotIPv4:       "not-ipv4",
	NotForUs:      "not-for-us",
	BadHeader:     "bad-header",
	Fragment:      "fragment",
	Protocol:      "protocol",
	BadSource:     "bad-source",
	NoService:     "no-service",
	NoConnection:  "no-connection",
	NoServer:      "no-server",
	ServerRemoved: "server-removed",
	DropPacket:    "drop-packet",
	TableFull:     "table-full",
	TTL:           "ttl",
	MTU:           "mtu",
	NoRoute:       "no-route",
	Neighbor:      "neighbor",
	LinkDown:      "link-down",
	TxFull:        "tx-full",
	HandoffFull:   "handoff-full",
	LocalServer:   "local-server",
	BadChecksum:   "bad-checksum",
	Relayed:       "relayed",
	NoCallID:      "no-call-id",
}

func (r Reason) String() string { return reasonNames[r] }
