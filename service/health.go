package service

import "director/packet"

const (
	// ComparePeriod is the time in nanoseconds between two calls of Compare.
	ComparePeriod = 2 * second
	// fading is the factor by which older connections count less at each Compare. A
	// connection counts half after a minute: 0.5 = fading^30.
	fading = 0.97716
	// leastSample is the number of connections from which on a server or a service is
	// judged.
	leastSample = 10
	// idleTime is the number of calls of Compare after which a server without new
	// connections is judged no longer: five minutes.
	idleTime = 150
	// window is about the number of connections that a server's known rate of failures
	// is taken from. The rate does not change while the server gets no connections.
	window = 32
	// A server differs from its peers if this part of its connections fails, and it is
	// at least so many times the part of the best peer. It differs no longer if either
	// is less than the second number. A service fails by the first pair alone.
	failing, recovered      = 0.5, 0.25
	timesWorse, hardlyWorse = 3, 1.5
)

// Health is the result of the recent connections of a server, or of all servers of a
// service. A connection counts half after a minute.
type Health struct {
	Conns   float64 // that were scheduled to the server
	Stalled float64 // began half-open and have made no progress
	Refused float64 // the server has reset them before they made progress
	Errors  float64 // an ICMP error says that a packet cannot reach the server
	// Suspect reports that most connections of a server fail, unlike those of another
	// server of the service. Of a service it reports that at least half of them fail.
	Suspect bool
}

// Failed returns how many of the connections have failed.
func (h Health) Failed() float64 { return min(h.Conns, h.Stalled+h.Refused+h.Errors) }

// sample counts recent connections. It fades with time.
type sample struct {
	conns, opened, completed, refused, errors float32
	pending                                   float32 // began after the last Compare and have no result yet
}

func (n *sample) add(o sample) {
	n.conns += o.conns
	n.opened += o.opened
	n.completed += o.completed
	n.refused += o.refused
	n.errors += o.errors
	n.pending += o.pending
}

func (n *sample) stalled() float32 { return max(0, n.opened-n.completed-n.refused) }

// known returns the number of connections that are old enough to be judged.
func (n *sample) known() float32 { return max(0, n.conns-n.pending) }

// failed returns the part of the known connections that failed, from 0 to 1. A connection
// can have stalled and have an error.
func (n *sample) failed() float32 {
	known := n.known()
	if known == 0 {
		return 0
	}
	return min(1, (max(0, n.stalled()-n.pending)+n.refused+n.errors)/known)
}

func (n *sample) public(suspect bool) Health {
	return Health{
		Conns: float64(n.conns), Stalled: float64(n.stalled()), Refused: float64(n.refused), Errors: float64(n.errors),
		Suspect: suspect,
	}
}

// health is the state behind the Health of a server.
type health struct {
	sample
	last, lastFailed float32 // of the last connections, about window of them, and how many of these failed
	idle             int     // number of calls of Compare since the last new connection
	suspect          bool
	seenConns        uint64
	seen             Signs
}

// tick adds what the server has counted since the last tick. It reports whether
// connections began in this time and none made progress or was refused.
func (h *health) tick(s *Server) (quiet bool) {
	conns, signs := s.counted().Conns, s.Signs()
	by := signs.sub(h.seen)
	// The failures wrap around, so only the lower half of a difference counts.
	refused, errors := float32(uint32(by.Refused)), float32(uint32(by.Errors))
	opened, completed, began := float32(by.Opened), float32(by.Completed), float32(conns-h.seenConns)
	h.seenConns, h.seen = conns, signs
	if h.idle++; began > 0 {
		h.idle = 0
	}
	before := h.pending
	if h.idle >= idleTime {
		h.sample = sample{}
	}
	h.conns = h.conns*fading + began
	h.opened = h.opened*fading + opened
	h.completed = h.completed*fading + completed
	h.refused = h.refused*fading + refused
	h.errors = h.errors*fading + errors
	h.pending = min(began, max(0, opened-completed-refused))

	known := max(0, began+before-h.pending)
	keep := window / (window + known)
	h.last = h.last*keep + known
	h.lastFailed = h.lastFailed*keep + opened - completed + before - h.pending + errors
	h.lastFailed = min(h.last, max(0, h.lastFailed))
	return by.Opened > 0 && by.Completed == 0 && refused == 0
}

// rate returns the part of the connections that fails, as far as the last ones tell. It is
// the estimate of Laplace's rule of succession: one half if there were none, and nearer to
// what was seen with each of them. So a few good connections prove less than many.
func (h *health) rate() float32 { return (h.lastFailed + 1) / (h.last + 2) }

// judge compares the server with its best peer. best is the rate of that peer; it is more
// than 1 if there is no other server. The peer needs no recent connections: with a
// scheduler such as wlc a server that refuses all connections gets nearly all of them.
func (h *health) judge(best float32) Outcome {
	part := h.failed()
	switch {
	case !h.suspect:
		h.suspect = h.known() >= leastSample && part >= failing && part >= timesWorse*best
		return Fails
	case h.idle >= idleTime:
		h.suspect = false
		return Unused
	case h.known() > 0 && part < recovered:
		h.suspect = false
		return Works
	case h.known() > 0 && part < hardlyWorse*best:
		h.suspect = false
		return Alike
	}
	return Fails
}

// Outcome says why a server became suspect, or why it is no longer.
type Outcome uint8

// The outcomes.
const (
	Fails  Outcome = iota // its new connections fail
	Works                 // they succeed again
	Unused                // it has had no new connections for five minutes
	Alike                 // those of its peers fail as well, or there are no peers any more
)

// Verdict reports that a server became suspect, or that it is no longer. If Whole is set,
// it is about all servers of the service together, and Addr and Port are zero.
type Verdict struct {
	Of      Key
	Whole   bool
	Addr    packet.Addr
	Port    uint16
	Health  Health
	Outcome Outcome
}

// whole is the state behind the Health of a service.
type whole struct {
	sample
	failing bool
}

// judge judges the new connections to all servers of a service. idle says that there have
// been none for idleTime.
func (w *whole) judge(idle bool) Outcome {
	part := w.failed()
	switch {
	case !w.failing:
		w.failing = w.known() >= leastSample && part >= failing
	case idle:
		w.failing = false
		return Unused
	case w.known() > 0 && part < recovered:
		w.failing = false
		return Works
	}
	return Fails
}

// Compare compares the servers of each service with each other. It is called every
// ComparePeriod. It returns the servers and the services whose Suspect has changed, and
// the numbers of the servers that gave no sign of life to the connections of the last
// period.
func (r *Registry) Compare() (changed []Verdict, quiet []uint32) {
	for _, s := range r.services {
		members := s.members.values()
		// The best rate of all servers, and that of the others.
		best, second, bestAt := float32(2), float32(2), -1
		was, idle := s.whole.failing, true
		s.whole.sample = sample{}
		for i := range members {
			h := &members[i].record.health
			if h.tick(members[i].Server) {
				quiet = append(quiet, members[i].ID)
			}
			switch rate := h.rate(); {
			case rate < best:
				best, second, bestAt = rate, best, i
			case rate < second:
				second = rate
			}
			s.whole.add(h.sample)
			idle = idle && h.idle >= idleTime
		}
		for i := range members {
			m := &members[i]
			h := &m.record.health
			peer := best
			if i == bestAt {
				peer = second
			}
			was := h.suspect
			if why := h.judge(peer); h.suspect != was {
				changed = append(changed, Verdict{s.Key, false, m.Addr, m.Port, h.public(h.suspect), why})
			}
		}
		if why := s.whole.judge(idle); s.whole.failing != was {
			changed = append(changed, Verdict{Of: s.Key, Whole: true, Health: s.whole.public(s.whole.failing), Outcome: why})
		}
	}
	return changed, quiet
}

// Health returns the result of the server's recent connections. Only the registry's
// goroutine may call it.
func (s *Server) Health() Health { return s.record.health.public(s.record.health.suspect) }

// Health returns the result of the recent connections of the service with key k, which must
// exist.
func (r *Registry) Health(k Key) Health {
	w := &r.lookup(k).whole
	return w.public(w.failing)
}
