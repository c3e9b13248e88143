package service

import "director/packet"

const (
	// ComparePeriod is the time in nanoseconds between two calls of Compare.
	ComparePeriod = 2 * second
	// fading is the factor by which older connections count less at each Compare. A
	// connection counts half after a minute: 0.5 = fading^30.
	fading = 0.97716
	// leastSample is the number of connections from which on a server is compared.
	// forgotten is the number below which it is no longer known whether it fails.
	leastSample, forgotten = 10, 3
	// A server differs from its peers if this part of its connections fails, and it is
	// at least so many times the part of the best peer. It differs no longer if either
	// is less than the second number.
	failing, recovered      = 0.5, 0.25
	timesWorse, hardlyWorse = 3, 1.5
)

// Health is the result of the recent connections of a server. A connection counts half
// after a minute.
type Health struct {
	Conns   float64 // that were scheduled to the server
	Stalled float64 // began half-open and have made no progress
	Refused float64 // the server has reset them before they made progress
	Errors  float64 // an ICMP error says that a packet cannot reach the server
	// Suspect reports that most connections fail, unlike those of another server of the
	// service.
	Suspect bool
}

// Failed returns how many of the connections have failed.
func (h Health) Failed() float64 { return min(h.Conns, h.Stalled+h.Refused+h.Errors) }

// health is the state behind a Health.
type health struct {
	conns, opened, completed, refused, errors float32
	suspect                                   bool
	seenConns                                 uint64
	seen                                      Signs
}

// tick adds what the server has counted since the last tick. It reports whether
// connections began in this time and none made progress or was refused.
func (h *health) tick(s *Server) (quiet bool) {
	conns, signs := s.counted().Conns, s.Signs()
	by := signs.sub(h.seen)
	// The failures wrap around, so only the lower half of a difference counts.
	refused, errors := uint32(by.Refused), uint32(by.Errors)
	h.conns = h.conns*fading + float32(conns-h.seenConns)
	h.opened = h.opened*fading + float32(by.Opened)
	h.completed = h.completed*fading + float32(by.Completed)
	h.refused = h.refused*fading + float32(refused)
	h.errors = h.errors*fading + float32(errors)
	h.seenConns, h.seen = conns, signs
	return by.Opened > 0 && by.Completed == 0 && refused == 0
}

func (h *health) stalled() float32 { return max(0, h.opened-h.completed-h.refused) }

// failed returns the part of the connections that failed, from 0 to 1. A connection can
// have stalled and have an error.
func (h *health) failed() float32 {
	if h.conns == 0 {
		return 0
	}
	return min(1, (h.stalled()+h.refused+h.errors)/h.conns)
}

func (h *health) public() Health {
	return Health{
		Conns: float64(h.conns), Stalled: float64(h.stalled()), Refused: float64(h.refused), Errors: float64(h.errors),
		Suspect: h.suspect,
	}
}

// judge compares the server with its best peer. best is the part of that peer's connections
// that failed; it is more than 1 if no server has enough connections.
func (h *health) judge(best float32) {
	part := h.failed()
	if h.suspect {
		h.suspect = h.conns >= forgotten && part >= recovered && part >= hardlyWorse*best
		return
	}
	h.suspect = h.conns >= leastSample && part >= failing && part >= timesWorse*best
}

// Verdict reports that a server became suspect, or that it is no longer.
type Verdict struct {
	Of     Key
	Addr   packet.Addr
	Port   uint16
	Health Health
}

// Compare compares the servers of each service with each other. It is called every
// ComparePeriod. It returns the servers whose Suspect has changed, and the numbers of the
// servers that gave no sign of life to the connections of the last period.
func (r *Registry) Compare() (changed []Verdict, quiet []uint32) {
	for _, s := range r.services {
		members := s.members.values()
		best := float32(2)
		for i := range members {
			h := &members[i].record.health
			if h.tick(members[i].Server) {
				quiet = append(quiet, members[i].ID)
			}
			if h.conns >= leastSample {
				best = min(best, h.failed())
			}
		}
		for i := range members {
			m := &members[i]
			h := &m.record.health
			was := h.suspect
			if h.judge(best); h.suspect != was {
				changed = append(changed, Verdict{s.Key, m.Addr, m.Port, h.public()})
			}
		}
	}
	return changed, quiet
}

// Health returns the result of the server's recent connections. Only the registry's
// goroutine may call it.
func (s *Server) Health() Health { return s.record.health.public() }
