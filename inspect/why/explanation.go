package why

import (
	"net/netip"

	"director/packet"
)

// Explanation describes what happens to one packet, step by step. The names in JSON are
// stable. Steps that the packet does not reach are missing.
type Explanation struct {
	// Frame is the number of the frame in the capture, from 1. Time is its time in
	// nanoseconds since 1970. Both are 0 for a packet that was built for the question.
	Frame int   `json:"frame,omitempty"`
	Time  int64 `json:"time,omitempty"`

	Packet     Packet      `json:"packet"`
	Notes      []string    `json:"notes,omitempty"` // assumptions, and other facts
	Service    *Service    `json:"service,omitempty"`
	Connection *Connection `json:"connection,omitempty"`
	Template   *Template   `json:"template,omitempty"`
	Scheduler  *Scheduler  `json:"scheduler,omitempty"`
	Server     *Server     `json:"server,omitempty"`
	NextHop    *NextHop    `json:"next_hop,omitempty"`
	// Sends are the frames that are sent: the forwarded packet, or an answer of the
	// director.
	Sends   []Packet `json:"sends,omitempty"`
	Verdict Verdict  `json:"verdict"`
}

// Packet describes the headers of a frame.
type Packet struct {
	Interface string         `json:"interface"`
	Length    int            `json:"length"` // of the frame, in bytes
	EthSrc    string         `json:"eth_src"`
	EthDst    string         `json:"eth_dst"`
	Proto     string         `json:"proto,omitempty"`
	Src       netip.AddrPort `json:"src,omitzero"`
	Dst       netip.AddrPort `json:"dst,omitzero"`
	TTL       uint8          `json:"ttl,omitempty"`
	Info      string         `json:"info,omitempty"`   // TCP's flags, SCTP's chunk, ICMP's type
	Inside    *Inside        `json:"inside,omitempty"` // the packet that a tunnel carries or an error quotes

	Bytes []byte `json:"bytes"` // the whole frame
}

// Inside is a packet inside another one.
type Inside struct {
	Proto string         `json:"proto"`
	Src   netip.AddrPort `json:"src"`
	Dst   netip.AddrPort `json:"dst"`
}

// Service is the virtual service of a packet.
type Service struct {
	Proto      string         `json:"proto,omitempty"` // empty for a firewall mark
	Address    netip.AddrPort `json:"address,omitzero"`
	Mark       uint32         `json:"mark,omitempty"`
	Scheduler  string         `json:"scheduler,omitempty"`
	Persistent uint32         `json:"persistent,omitempty"` // seconds
	OnePacket  bool           `json:"one_packet,omitempty"`
	// Missing reports that there is no such service, or that it was removed.
	Missing bool `json:"missing,omitempty"`
}

// Connection is the connection that was found for a packet, or that it has begun.
type Connection struct {
	Found bool `json:"found"`
	// Begun reports that the packet has begun a connection. If Found is set too, the new
	// connection replaces the one that was found, because that one had ended, or because
	// of Unanswered.
	Begun bool `json:"begun"`
	// Unanswered reports that the connection that was found was half-open, and that its
	// server gets no new connections.
	Unanswered  bool           `json:"unanswered,omitempty"`
	Answer      bool           `json:"answer"` // the packet is from the server's side
	Proto       string         `json:"proto,omitempty"`
	Client      netip.AddrPort `json:"client,omitzero"`
	Virtual     netip.AddrPort `json:"virtual,omitzero"`
	State       string         `json:"state,omitempty"`        // before the packet
	After       string         `json:"after,omitempty"`        // and after it
	Expires     float64        `json:"expires,omitempty"`      // seconds, after the packet
	Removed     bool           `json:"removed,omitempty"`      // its server was removed from its service
	UnknownPort bool           `json:"unknown_port,omitempty"` // the client's port was not known before
	// Untracked reports that the packet is forwarded without a connection, because the
	// table is full.
	Untracked bool `json:"unnoted,omitempty"`
}

// Template is the entry that remembers the server of a persistent client.
type Template struct {
	Found   bool           `json:"found"` // it was there before the packet
	Client  netip.Addr     `json:"client,omitzero"`
	Server  netip.AddrPort `json:"server,omitzero"`
	Expires float64        `json:"expires,omitempty"` // seconds, after the packet
	// Discarded reports that an earlier template cannot be used any more: its server was
	// removed from the service, or gets no new connections.
	Discarded bool `json:"discarded,omitempty"`
}

// Scheduler is the input of a service's scheduler and its choice.
type Scheduler struct {
	Name     string      `json:"name"`
	Rule     string      `json:"rule"`
	Standing string      `json:"standing,omitempty"` // the scheduler's own state that matters
	Servers  []Candidate `json:"servers"`
	// Chosen is the index of the server that was chosen, -1 for none.
	Chosen int `json:"chosen"`
}

// Candidate is a server in the state that the scheduler saw. The order of the candidates
// is that of the service's list.
type Candidate struct {
	Address    netip.AddrPort `json:"address"`
	Weight     int32          `json:"weight"`
	Active     int64          `json:"active"`
	Inactive   int64          `json:"inactive"`
	Upper      uint32         `json:"upper,omitempty"`
	Lower      uint32         `json:"lower,omitempty"`
	Overloaded bool           `json:"overloaded,omitempty"`
	// Skipped reports that packets cannot reach the server, but can reach another one.
	Skipped bool `json:"skipped,omitempty"`
	Usable  bool `json:"usable"`
	// Score is the number that the scheduler compares. It is missing if the scheduler
	// does not compare numbers.
	Score *float64 `json:"score,omitempty"`
}

// Server is the real server of the packet.
type Server struct {
	Address netip.AddrPort `json:"address"`
	Method  string         `json:"method"` // nat, dr, tun, bypass
	Weight  int32          `json:"weight"`
	Removed bool           `json:"removed,omitempty"`
}

// NextHop is the next hop of the packet.
type NextHop struct {
	Address   netip.Addr `json:"address,omitzero"`
	MAC       string     `json:"mac,omitempty"`
	Interface string     `json:"interface,omitempty"`
	MTU       uint16     `json:"mtu,omitempty"`
	Gateway   bool       `json:"gateway,omitempty"` // it is not the destination itself
	// Reason is the reason why it cannot be used: one of docs/drops.md.
	Reason string `json:"reason,omitempty"`
}

// Verdict is the result for the packet.
type Verdict struct {
	// Action is tx, drop, host (the packet is left to the kernel), wait (for an Ethernet
	// address or other fragments) or skip (the director itself sent the packet).
	Action    string `json:"action"`
	Interface string `json:"interface,omitempty"` // by which it is sent
	Reason    string `json:"reason,omitempty"`    // one of docs/drops.md
	Text      string `json:"text"`
}

// The actions.
const (
	Tx   = "tx"
	Drop = "drop"
	Host = "host"
	Wait = "wait"
	Skip = "skip"
)

func protoName(p uint8) string {
	if name := packet.ProtoName(p); name != "" {
		return name
	}
	switch p {
	case packet.ProtoICMP:
		return "icmp"
	case packet.ProtoIPIP:
		return "ipip"
	case packet.ProtoGRE:
		return "gre"
	}
	return ""
}

func endpoint(a packet.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Netip(), port) }
