package dataplane

import "director/internal/ordered"

const (
	// sentSlots is the number of tunnel packets that a worker remembers. A busy worker may
	// forget a packet before an error about it arrives. Then many packets are too long,
	// and one error that is believed is enough for all of them.
	sentSlots = 1024
	// sentTime is the time in seconds for which a packet is remembered. It is longer than
	// an error needs to arrive.
	sentTime = 4
	// sentAhead is by how many seconds the clock of the worker that sent a packet may be
	// ahead of that of the worker that gets an error about it: each reads it once a step.
	sentAhead = 1
	// minTunnelled is the length in bytes of packets that always fit into a tunnel,
	// whatever a router reports: every host accepts them (RFC 791 §3.1). Tunnel packets
	// of this length are not remembered, because an error about them is not believed.
	minTunnelled = 576
)

// sentPackets remembers tunnel packets that a worker has sent lately. An error that reports
// a narrow path must quote one of them: whoever forges an error has to know a connection
// and the length of a packet of it. The worker writes, all workers read. A slot has these
// parts, most significant first:
//
//	hash of the client's side 32 | time in seconds 16 | length of the outer packet 16
type sentPackets struct{ slots [sentSlots]ordered.Uint64 }

// note remembers a packet of the connection with that hash.
func (s *sentPackets) note(hash uint64, length uint16, now int64) {
	s.slots[hash%sentSlots].Store(hash>>32<<32 | uint64(uint16(now/second))<<16 | uint64(length))
}

// has reports whether a packet of the connection with that hash and of that length was
// sent lately.
func (s *sentPackets) has(hash uint64, length uint16, now int64) bool {
	word := s.slots[hash%sentSlots].Load()
	age := uint16(now/second) - uint16(word>>16)
	return word>>32 == hash>>32 && uint16(word) == length && age+sentAhead <= sentTime+sentAhead
}

// sentLately reports whether a worker has lately sent such a packet.
func (e *Engine) sentLately(hash uint64, length uint16, now int64) bool {
	for _, s := range e.sent {
		if s.has(hash, length, now) {
			return true
		}
	}
	return false
}
