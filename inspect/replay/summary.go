package replay

import "director/packet"

// Summary counts the frames by their results. Every received frame is counted in one of
// Verdicts. docs/drops.md explains the reasons. The JSON is stable.
type Summary struct {
	Interfaces map[string]*Interface `json:"interfaces"`
	Verdicts   Verdicts              `json:"verdicts"`
	Drops      map[string]uint64     `json:"drops"` // by reason; only reasons that occurred

	// Skipped is the number of frames that the director itself had sent when the capture
	// was taken. They were not received.
	Skipped uint64 `json:"-"`
}

// Interface counts the frames of one interface: those that were received, those that were
// sent, and those that were received but left to the kernel.
type Interface struct {
	Rx   uint64 `json:"rx"`
	Tx   uint64 `json:"tx"`
	Host uint64 `json:"host"`
}

// Verdicts counts frames by their verdict.
type Verdicts struct {
	Tx   uint64 `json:"tx"`
	Host uint64 `json:"host"`
	Drop uint64 `json:"drop"`
}

// newSummary lists all interfaces, including those without frames.
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
