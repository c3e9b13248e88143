package why

import (
	"net/netip"

	"director/packet"
)

// Explanation is what becomes of one packet, step by step. The names in JSON are
// stable. A step that the packet does not come to is missing.
type Explanation struct {
	// Frame is the number of the frame in the capture, from 1, and Time its time in
	// nanoseconds since 1970; both are 0 for a packet that was made.
	Frame int   `json:"frame,omitempty"`
	Time  int64 `json:"time,omitempty"`

	Packet     Packet      `json:"packet"`
	Notes      []string    `json:"notes,omitempty"` // what was assumed
	Service    *Service    `json:"service,omitempty"`
	Connection *Connection `json:"connection,omitempty"`
	Template   *Template   `json:"template,omitempty"`
	Scheduler  *Scheduler  `json:"scheduler,omitempty"`
	Server     *Server     `json:"server,omitempty"`
	NextHop    *NextHop    `json:"next_hop,omitempty"`
	// Sends are the frames that leave: the packet as it is forwarded, or what the
	// director says itself.
	Sends   []Packet `json:"sends,omitempty"`
	Verdict Verdict  `json:"verdict"`
}

// Packet is a frame as its headers show it.
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
	Inside    *Inside        `json:"inside,omitempty"` // what a tunnel carries, or an error quotes

	Bytes []byte `json:"bytes"` // the whole frame
}

// Inside is the packet in another one.
type Inside struct {
	Proto string         `json:"proto"`
	Src   netip.AddrPort `json:"src"`
	Dst   netip.AddrPort `json:"dst"`
}

// Service is the virtual service that a packet is for.
type Service struct {
	Proto      string         `json:"proto,omitempty"` // empty for a firewall mark
	Address    netip.AddrPort `json:"address,omitzero"`
	Mark       uint32         `json:"mark,omitempty"`
	Scheduler  string         `json:"scheduler,omitempty"`
	Persistent uint32         `json:"persistent,omitempty"` // seconds
	OnePacket  bool           `json:"one_packet,omitempty"`
	// Missing says that there is none, or none any more.
	Missing bool `json:"missing,omitempty"`
}

// Connection is the entry that was found for a packet, or what came of there being
// none.
type Connection struct {
	Found bool `json:"found"`
	// Begun: the packet has made an entry. With Found it did so in place of the one
	// that was found, which was over.
	Begun       bool           `json:"begun"`
	Answer      bool           `json:"answer"` // the packet is from the server's side
	Proto       string         `json:"proto,omitempty"`
	Client      netip.AddrPort `json:"client,omitzero"`
	Virtual     netip.AddrPort `json:"virtual,omitzero"`
	State       string         `json:"state,omitempty"`        // before the packet
	After       string         `json:"after,omitempty"`        // and after it
	Expires     float64        `json:"expires,omitempty"`      // seconds, after the packet
	Removed     bool           `json:"removed,omitempty"`      // its server was removed from its service
	UnknownPort bool           `json:"unknown_port,omitempty"` // its client's was not known before
	// Unnoted: the table is full, and the packet is forwarded as if it had an entry.
	Unnoted bool `json:"unnoted,omitempty"`
}

// Template is what a persistent client's server was remembered by.
type Template struct {
	Found   bool           `json:"found"` // it was there before the packet
	Client  netip.Addr     `json:"client,omitzero"`
	Server  netip.AddrPort `json:"server,omitzero"`
	Expires float64        `json:"expires,omitempty"` // seconds, after the packet
	// Discarded says that the one that was there is of no use: its server is not
	// in the service any more, or gets no new connections.
	Discarded bool `json:"discarded,omitempty"`
}

// Scheduler is what a service's scheduler was asked, and its answer.
type Scheduler struct {
	Name     string      `json:"name"`
	Rule     string      `json:"rule"`
	Standing string      `json:"standing,omitempty"` // what it goes by beside the servers
	Servers  []Candidate `json:"servers"`
	// Chosen is the index of the server that was chosen, -1 for none.
	Chosen int `json:"chosen"`
}

// Candidate is a server as the scheduler saw it, in the order of its list.
type Candidate struct {
	Address    netip.AddrPort `json:"address"`
	Weight     int32          `json:"weight"`
	Active     int64          `json:"active"`
	Inactive   int64          `json:"inactive"`
	Upper      uint32         `json:"upper,omitempty"`
	Lower      uint32         `json:"lower,omitempty"`
	Overloaded bool           `json:"overloaded,omitempty"`
	Usable     bool           `json:"usable"`
	// Score is what the scheduler compares; it is missing where that is no number.
	Score *float64 `json:"score,omitempty"`
}

// Server is the real server of the packet.
type Server struct {
	Address netip.AddrPort `json:"address"`
	Method  string         `json:"method"` // nat, dr, tun, bypass
	Weight  int32          `json:"weight"`
	Removed bool           `json:"removed,omitempty"`
}

// NextHop is where the packet goes next.
type NextHop struct {
	Address   netip.Addr `json:"address,omitzero"`
	MAC       string     `json:"mac,omitempty"`
	Interface string     `json:"interface,omitempty"`
	MTU       uint16     `json:"mtu,omitempty"`
	Gateway   bool       `json:"gateway,omitempty"` // it is not the destination itself
	// Reason is why it cannot be used: one of docs/drops.md.
	Reason string `json:"reason,omitempty"`
}

// Verdict is what becomes of the packet.
type Verdict struct {
	// Action is tx, drop, host (it is left to the kernel), wait (for an Ethernet
	// address, or other fragments) or skip (it is one that the director sent).
	Action    string `json:"action"`
	Interface string `json:"interface,omitempty"` // that it leaves by
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
	switch p {
	case packet.ProtoTCP:
		return "tcp"
	case packet.ProtoUDP:
		return "udp"
	case packet.ProtoSCTP:
		return "sctp"
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
