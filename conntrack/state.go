package conntrack

import "time"

// State is the protocol state of a connection. TCP's have the numbers of IPVS,
// which ipvsadm lists by name and the sync protocol carries.
type State uint8

// The states of TCP connections (ip_vs_proto_tcp.c), then UDP's only one.
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
	States // the number of states
)

var stateNames = [States]string{
	"NONE", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT",
	"CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "SYNACK", "UDP",
}

func (s State) String() string { return stateNames[s] }

// active is 1 for the states that count as an active connection of the real
// server. UDP is never active.
var active = [States]int8{TCPEstablished: 1, TCPSynSent: 1, TCPSynRecv: 1, TCPSynAck: 1}

// Active reports whether a connection in state s counts as active.
func (s State) Active() bool { return active[s] != 0 }

// Timeouts says how long a connection lives after its last packet, in
// nanoseconds, by state.
type Timeouts [States]int64

// NewTimeouts returns IPVS's time-outs with the three that ipvsadm --set
// changes: established TCP, TCP after a FIN, and UDP.
func NewTimeouts(tcp, tcpFin, udp time.Duration) Timeouts {
	const s = int64(time.Second)
	return Timeouts{
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
// is any UDP packet.
const (
	Reset Event = iota
	Syn
	Fin
	Ack
	Other
	Datagram
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

// Next returns the state that follows s.
func Next(s State, dir Direction, ev Event) State { return next[dir][ev][s] }
