package dataplane

import (
	"director/conntrack"
	"director/dataplane/sysctl"
)

const (
	// DefencePeriod is the time between two calls of Guard.Tick, in nanoseconds.
	DefencePeriod = second
	// Packets without a connection are forwarded as if they had one until the table
	// has been less full than roomyFill, in percent, for roomyTime.
	roomyFill = 90
	roomyTime = 120 * second
)

// Guard decides on the measures against a full table, once a second
// (update_defense_level in ip_vs_ctl.c). One goroutine uses it.
type Guard struct {
	engine  *Engine
	thinner *conntrack.Thinner
	roomy   int64 // time since which the table has had room; -1: it has no room

	// The current modes: a mode that the operator set to 1 becomes 2 while entries
	// are short.
	set, mode modes
}

type modes struct{ dropEntry, dropPacket, secureTCP int }

func modesOf(v *sysctl.Values) modes { return modes{v.DropEntry, v.DropPacket, v.SecureTCP} }

// NewGuard returns the guard of an engine. seed seeds its random choices.
func NewGuard(e *Engine, seed uint64) *Guard {
	return &Guard{engine: e, thinner: e.conns.Thinner(seed), roomy: -1}
}

// Update applies a change of the sysctls at once.
func (g *Guard) Update() {
	v := &g.engine.view.Load().Sysctl
	if set := modesOf(v); set != g.set {
		g.set, g.mode = set, set
	}
	free := g.engine.conns.Size() - g.engine.conns.Used()
	short := free < v.AMemThresh
	shift(&g.mode.dropEntry, short)
	shift(&g.mode.dropPacket, short)
	shift(&g.mode.secureTCP, short)

	d := &g.engine.defence
	d.secure.Store(g.mode.secureTCP > 1)
	switch rate := int64(v.AMDropRate); {
	case g.mode.dropPacket == 3:
		d.rate.Store(rate)
	case g.mode.dropPacket == 2:
		rate = int64(v.AMemThresh / (v.AMemThresh - free))
		d.rate.Store(rate)
		d.counter.Store(rate)
	default:
		d.rate.Store(0)
	}
}

// shift switches an automatic mode between 1 and 2.
func shift(mode *int, short bool) {
	switch {
	case *mode == 1 && short:
		*mode = 2
	case *mode == 2 && !short:
		*mode = 1
	}
}

// Tick must be called once a second. now is on the workers' clock.
func (g *Guard) Tick(now int64) {
	g.Update()
	if g.mode.dropEntry > 1 {
		timeouts := &g.engine.view.Load().Timeouts
		for range g.thinner.Share() {
			g.thinner.Thin(now, timeouts, g.engine.Settle)
		}
	}
	d, conns := &g.engine.defence, g.engine.conns
	switch {
	case d.isFull.Swap(false):
		g.roomy = -1
		d.crowded.Store(true) // it may have been taken back at that moment
	case conns.Used()*100 >= conns.Size()*roomyFill:
		g.roomy = -1
	case g.roomy < 0:
		g.roomy = now
	case now-g.roomy >= roomyTime:
		d.crowded.Store(false)
	}
}
