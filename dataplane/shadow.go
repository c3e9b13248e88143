package dataplane

import (
	"slices"

	"director/conntrack"
	"director/dataplane/fragment"
	"director/service"
)

// ShadowOptions configures Shadow.
type ShadowOptions struct {
	// Keep selects the connections that are copied; the connections that control them
	// are copied, too. Room is the number of further connections that the shadow can
	// have.
	Keep func(*conntrack.Record) bool
	Room int
	// Clock and Resolver are the shadow's own.
	Clock    func() int64
	Resolver Resolver
	// Picked is called for each decision of a scheduler.
	Picked func(*service.Pick)
}

// Shadow returns a copy of the shared state that is sufficient for packets of the
// connections that o.Keep selects. A worker of the copy handles these packets as the
// workers of the original would, and changes nothing of the original. Waiting
// fragments are not copied. The caller closes the connection table of the copy.
//
// The rules must not change during the call.
func (e *Engine) Shadow(o ShadowOptions) (*Engine, error) {
	conns, copies, err := e.conns.Shadow(o.Keep, o.Room)
	if err != nil {
		return nil, err
	}
	c := &Engine{
		conns:     conns,
		fragments: fragment.New(0, [2]uint64{}), // the smallest possible table
		limiter:   e.limiter.Copy(),
		clock:     o.Clock,
		ident:     e.ident,
		sent:      slices.Clone(e.sent),
		resolver:  o.Resolver,
		longWay:   e.longWay,
	}
	v := e.view.Load()
	c.view.Store(&View{
		Services: v.Services.Shadow(o.Picked), Hops: v.Hops.Unmarked(), Timeouts: v.Timeouts, Sysctl: v.Sysctl,
	})
	c.defence.copyFrom(&e.defence)
	e.helpers.copyTo(&c.helpers, copies)
	return c, nil
}
