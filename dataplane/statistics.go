package dataplane

import (
	"slices"

	"director/service"
)

// statistics are what the worker counted for real servers since its last step.
type statistics struct {
	tallies []tally // by server
	listed  []uint32
}

type tally struct {
	service.Tally
	listed bool
}

// grow makes room for the servers with numbers below n.
func (s *statistics) grow(n int) {
	if n > len(s.tallies) {
		s.tallies = append(s.tallies, make([]tally, n-len(s.tallies))...)
		s.listed = slices.Grow(s.listed, n-len(s.listed)) // each is listed once
	}
}

// tally returns the counts for a server.
func (s *statistics) tally(id uint32) *service.Tally {
	t := &s.tallies[id]
	if !t.listed {
		t.listed = true
		s.listed = append(s.listed, id)
	}
	return &t.Tally
}

// publishTallies publishes the counts for real servers.
func (s *step) publishTallies() {
	for _, id := range s.listed {
		t := &s.tallies[id]
		s.view.Services.Server(id).Add(s.index, &t.Tally)
		*t = tally{}
	}
	s.listed = s.listed[:0]
}
