package conntrack

import "time"

// State is the protocol state of a connection. TCP's have the numbers of IPVS,
// which ipvsadm lists by name and the sync protocol carries.
type State uint8

// The states of TCP connections (ip_vs_proto_tcp.c), UDP's only one, the states
// of SCTP associations in IPVS's order (ip_vs_proto_sctp.c), and those of
// persistence templates, which are no connections.
const (
	TCPNone State = iota
	TCPEstablished
	TCPSynSent
	TCPSynRecv
	TCPFinWait
	TCPTimeWait
	TCPClose
	TCPCloseWait
	TCPLastAck
	TCPListen
	TCPSynAck
	UDP
	SCTPNone
	SCTPInit1
	SCTPInit
	SCTPCookieSent
	SCTPCookieReplied
	SCTPCookieWait
	SCTPCookie
	SCTPCookieEchoed
	SCTPEstablished
	SCTPShutdownSent
	SCTPShutdownReceived
	SCTPShutdownAckSent
	SCTPRejected
	SCTPClosed
	TemplateNone
	TemplateAssured // some connection of the template was assured: see Assures
	States          // the number of states
)

var stateNames = [States]string{
	TCPNone:        "NONE",
	TCPEstablished: "ESTABLISHED",
	TCPSynSent:     "SYN_SENT",
	TCPSynRecv:     "SYN_RECV",
	TCPFinWait:     "FIN_WAIT",
	TCPTimeWait:    "TIME_WAIT",
	TCPClose:       "CLOSE",
	TCPCloseWait:   "CLOSE_WAIT",
	TCPLastAck:     "LAST_ACK",
	TCPListen:      "LISTEN",
	TCPSynAck:      "SYNACK",

	UDP: "UDP",

	SCTPNone:             "NONE",
	SCTPInit1:            "INIT1",
	SCTPInit:             "INIT",
	SCTPCookieSent:       "C-SENT",
	SCTPCookieReplied:    "C-REPLIED",
	SCTPCookieWait:       "C-WAIT",
	SCTPCookie:           "COOKIE",
	SCTPCookieEchoed:     "C-ECHOED",
	SCTPEstablished:      "ESTABLISHED",
	SCTPShutdownSent:     "S-SENT",
	SCTPShutdownReceived: "S-RECEIVED",
	SCTPShutdownAckSent:  "S-ACK-SENT",
	SCTPRejected:         "REJECTED",
	SCTPClosed:           "CLOSED",

	TemplateNone:    "NONE",
	TemplateAssured: "ASSURED",
}

// String returns the name that IPVS lists.
func (s State) String() string { return stateNames[s] }

// active is 1 for the states that count as an active connection of the real
// server. UDP and templates are never active.
var active = [States]int8{
	TCPEstablished: 1, TCPSynSent: 1, TCPSynRecv: 1, TCPSynAck: 1, SCTPEstablished: 1,
}

// Active reports whether a connection in state s counts as active.
func (s State) Active() bool { return active[s] != 0 }

// halfOpen holds the states in which the client has not answered yet.
var halfOpen = [States]bool{TCPSynRecv: true, TCPSynAck: true, SCTPInit1: true, SCTPInit: true}

// HalfOpen reports whether the client has not answered yet, so that nothing is known of
// the real server.
func (s State) HalfOpen() bool { return halfOpen[s] }

// Assures reports whether a connection that reaches state s assures the template
// it was made from. Beside these, the first answer to a UDP client does, of
// which the state knows nothing.
func Assures(s State) bool { return s == TCPEstablished || s == SCTPEstablished }

// Timeouts says how long a connection lives after its last packet, in
// nanoseconds, by state. Templates have none here: their service says how long
// they live.
type Timeouts [States]int64

// NewTimeouts returns IPVS's time-outs with the three that ipvsadm --set
// changes: established TCP, TCP after a FIN, and UDP.
func NewTimeouts(tcp, tcpFin, udp time.Duration) Timeouts {
	const s = int64(time.Second)
	t := Timeouts{
		TCPNone:        2 * s,
		TCPEstablished: int64(tcp),
		TCPSynSent:     120 * s,
		TCPSynRecv:     60 * s,
		TCPFinWait:     int64(tcpFin),
		TCPTimeWait:    120 * s,
		TCPClose:       10 * s,
		TCPCloseWait:   60 * s,
		TCPLastAck:     30 * s,
		TCPListen:      120 * s,
		TCPSynAck:      120 * s,
		UDP:            int64(udp),
	}
	// RTO.Max (RFC 9260 §16) and a second, except where stated after.
	for state := SCTPNone; state <= SCTPClosed; state++ {
		t[state] = 61 * s
	}
	t[SCTPNone] = 2 * s
	t[SCTPInit1] = 4 * s
	t[SCTPEstablished] = 900 * s
	t[SCTPRejected] = 4 * s
	return t
}

// Direction says where a packet of a connection comes from, and whether the
// other direction is ever seen.
type Direction uint8

const (
	// In is client to real server where answers pass through the director.
	In Direction = iota
	// Out is real server to client.
	Out
	// InOnly is client to real server where answers go past the director:
	// direct routing and tunnelling.
	InOnly
	directions
)

// Event is what a packet means to the state machine.
type Event uint8

// TCP's events; a segment with several flags is the first that applies in the
// order RST, SYN, FIN, ACK. Other is a TCP segment with none of them. Datagram
// is any UDP packet. SCTP's are types of chunks.
const (
	Reset Event = iota
	Syn
	Fin
	Ack
	Other
	Datagram
	ChunkData
	ChunkInit
	ChunkInitAck
	ChunkCookieEcho
	ChunkCookieAck
	ChunkShutdown
	ChunkShutdownAck
	ChunkShutdownComplete
	ChunkError
	ChunkAbort
	events
)

// TCPEvent returns the event of a segment with these flags (RFC 9293 §3.1).
func TCPEvent(flags uint8) Event { return tcpEvents[flags&0x1f] }

// tcpEvents is indexed by the low five flag bits: FIN 1, SYN 2, RST 4, PSH 8,
// ACK 16.
var tcpEvents = func() (t [32]Event) {
	for flags := range t {
		switch {
		case flags&4 != 0:
			t[flags] = Reset
		case flags&2 != 0:
			t[flags] = Syn
		case flags&1 != 0:
			t[flags] = Fin
		case flags&16 != 0:
			t[flags] = Ack
		default:
			t[flags] = Other
		}
	}
	return t
}()

// SCTPEvent returns the event of a packet whose first chunk is of this type
// (RFC 9260 §3.2). A chunk that neither opens nor closes anything is as good as
// data. Which of two chunks counts where a cookie is bundled with an ABORT is
// the caller's to say.
func SCTPEvent(chunk uint8) Event { return sctpEvents[chunk] }

var sctpEvents = func() (t [256]Event) {
	for chunk := range t {
		t[chunk] = ChunkData
	}
	t[1] = ChunkInit
	t[2] = ChunkInitAck
	t[6] = ChunkAbort
	t[7] = ChunkShutdown
	t[8] = ChunkShutdownAck
	t[9] = ChunkError
	t[10] = ChunkCookieEcho
	t[11] = ChunkCookieAck
	t[14] = ChunkShutdownComplete
	return t
}()
