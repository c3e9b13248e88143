package dataplane

import (
	"slices"

	"director/conntrack"
	"director/service"
)

// statistics are what the worker counted for real servers since its last step.
type statistics struct {
	tallies []tally // by server
	listed  []uint32

	// signs are apart from tallies, which every packet uses.
	signs  []sign // by server
	signed []uint32
}

type sign struct {
	service.Signs
	crowds conntrack.Crowds // changes of the crowds of the server's service
	listed bool
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
		s.signs = append(s.signs, make([]sign, n-len(s.signs))...)
		s.signed = slices.Grow(s.signed, n-len(s.signed))
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

// sign returns the signs of a server.
func (s *statistics) sign(id uint32) *sign {
	t := &s.signs[id]
	if !t.listed {
		t.listed = true
		s.signed = append(s.signed, id)
	}
	return t
}

// publishTallies publishes the counts for real servers.
func (s *step) publishTallies() {
	for _, id := range s.listed {
		t := &s.tallies[id]
		s.view.Services.Server(id).Add(s.index, &t.Tally)
		*t = tally{}
	}
	s.listed = s.listed[:0]
	for _, id := range s.signed {
		t := &s.signs[id]
		server := s.view.Services.Server(id)
		server.AddSigns(s.index, &t.Signs)
		server.AddUnassured(t.crowds)
		*t = sign{}
	}
	s.signed = s.signed[:0]
}
