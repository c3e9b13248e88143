package dataplane

import (
	"director/conntrack"
	"director/dataplane/fragment"
	"director/service"
)

// ShadowOptions are what a shadow is made with.
type ShadowOptions struct {
	// Keep says which connections the shadow knows beside those that control them,
	// and Room how many more it may make.
	Keep func(*conntrack.Record) bool
	Room int
	// Clock and Resolver are the shadow's own.
	Clock    func() int64
	Resolver Resolver
	// Picked is told what schedulers are asked.
	Picked func(*service.Pick)
}

// Shadow copies what the workers share, as far as packets of the connections that
// o.Keep asks for can tell: a worker of the shadow does with them what the workers
// of s would, and changes nothing of s. Fragments that wait are not copied. The
// caller closes the shadow's connection table.
//
// Nothing may change the rules meanwhile.
func (s *Engine) Shadow(o ShadowOptions) (*Engine, error) {
	conns, copies, err := s.conns.Shadow(o.Keep, o.Room)
	if err != nil {
		return nil, err
	}
	c := &Engine{
		conns:     conns,
		fragments: fragment.New(0, [2]uint64{}), // as small as it can be
		limiter:   s.limiter.Copy(),
		clock:     o.Clock,
		ident:     s.ident,
		resolver:  o.Resolver,
		longWay:   s.longWay,
	}
	v := s.view.Load()
	c.view.Store(&View{
		Services: v.Services.Shadow(o.Picked), Hops: v.Hops.Unmarked(), Timeouts: v.Timeouts, Sysctl: v.Sysctl,
	})
	c.defence.copyFrom(&s.defence)
	s.helpers.copyTo(&c.helpers, copies)
	return c, nil
}
