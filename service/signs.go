package service

// Signs counts events by which a server's new connections can be compared with those of
// its peers. They are counted when connections change their state, not with every packet.
type Signs struct {
	Opened    uint64 // connections that began half-open: with a SYN, or with an INIT of SCTP
	Completed uint64 // those of them that made progress
	Refused   uint64 // those that the server reset before
	Errors    uint64 // connections with an ICMP error that says that a packet cannot reach the server
}

func (s Signs) add(o Signs) Signs {
	return Signs{s.Opened + o.Opened, s.Completed + o.Completed, s.Refused + o.Refused, s.Errors + o.Errors}
}

func (s Signs) sub(o Signs) Signs {
	return Signs{s.Opened - o.Opened, s.Completed - o.Completed, s.Refused - o.Refused, s.Errors - o.Errors}
}

// failureBits is the number of bits of each half of Counters.failures.
const failureBits = 32

// AddSigns adds what a worker counted. Only that worker calls it.
func (s *Server) AddSigns(worker int, g *Signs) {
	c := &s.counters[worker]
	c.opened.Store(c.opened.Load() + g.Opened)
	c.completed.Store(c.completed.Load() + g.Completed)
	was := c.failures.Load()
	refused, errors := was>>failureBits+g.Refused, was&(1<<failureBits-1)+g.Errors
	c.failures.Store(refused<<failureBits | errors&(1<<failureBits-1))
}

// Crowds is the number of kinds of connections that are not assured: see
// conntrack.Unassured.
const Crowds = 8

// AddUnassured adds to the sizes of the crowds of the server's service. Any goroutine
// may call it.
func (s *Server) AddUnassured(n [Crowds]int32) {
	for i := range n {
		if n[i] != 0 {
			s.Unassured[i].Add(int64(n[i]))
		}
	}
}

// Signs returns what all workers counted for the server since it was made. Refused and
// Errors wrap around at 2^32.
func (s *Server) Signs() (g Signs) {
	for i := range s.counters {
		c := &s.counters[i]
		failures := c.failures.Load()
		g = g.add(Signs{c.opened.Load(), c.completed.Load(), failures >> failureBits, failures & (1<<failureBits - 1)})
	}
	return g
}
