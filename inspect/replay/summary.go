package replay

import "director/packet"

// Summary is what became of the frames. Every frame that was received is in
// one of Verdicts; docs/drops.md explains the reasons. Its JSON is stable.
type Summary struct {
	Interfaces map[string]*Interface `json:"interfaces"`
	Verdicts   Verdicts              `json:"verdicts"`
	Drops      map[string]uint64     `json:"drops"` // by reason, those that occurred

	// Skipped is how many frames the director had sent itself when the
	// capture was taken: they were not received.
	Skipped uint64 `json:"-"`
}

// Interface counts the frames of one interface: received, sent, and received
// but left to the kernel.
type Interface struct {
	Rx   uint64 `json:"rx"`
	Tx   uint64 `json:"tx"`
	Host uint64 `json:"host"`
}

// Verdicts counts frames by what became of them.
type Verdicts struct {
	Tx   uint64 `json:"tx"`
	Host uint64 `json:"host"`
	Drop uint64 `json:"drop"`
}

// newSummary lists the interfaces whether they see frames or not.
func newSummary(interfaces []string) *Summary {
	s := &Summary{Interfaces: map[string]*Interface{}, Drops: map[string]uint64{}}
	for _, name := range interfaces {
		s.on(name)
	}
	return s
}

func (s *Summary) on(name string) *Interface {
	i := s.Interfaces[name]
	if i == nil {
		i = &Interface{}
		s.Interfaces[name] = i
	}
	return i
}

func (s *Summary) receive(name string) { s.on(name).Rx++ }

func (s *Summary) send(name string) {
	s.on(name).Tx++
	s.Verdicts.Tx++
}

func (s *Summary) leave(name string) {
	s.on(name).Host++
	s.Verdicts.Host++
}

func (s *Summary) drop(reason packet.Reason, n uint64) {
	if n > 0 {
		s.Drops[reason.String()] += n
		s.Verdicts.Drop += n
	}
}
