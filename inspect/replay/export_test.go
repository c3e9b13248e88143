package replay

import (
	"fmt"
	"slices"
	"strings"

	"director/control/config"
)

// Way is how a replay handles the packets of connections.
type Way struct {
	Long      bool   // see dataplane.Options
	CountFrom uint32 // see conntrack.Table
}

// RunWay is like Run, but in the given way. state lists the director's connections at the
// end, and the counters of its servers.
func RunWay(c *config.Config, r *config.Replay, files Files, w Way) (summary *Summary, state string, err error) {
	p, err := newPlayer(c, r, w.Long)
	if err != nil {
		return nil, "", err
	}
	defer p.shared.Conns().Close()
	p.shared.Conns().CountFrom(w.CountFrom)
	if summary, err = p.replay(c, files); err != nil {
		return nil, "", err
	}
	return summary, p.state(), nil
}

// state lists the director's connections, with time-outs to the nanosecond, and the
// statistics of its servers.
func (p *player) state() string {
	var lines []string
	for s := range p.shared.Conns().Dump() {
		// These depend on the number of workers.
		if s.ID, s.Order = 0, 0; s.Parent != 0 {
			s.Parent = 1
		}
		lines = append(lines, fmt.Sprintf("connection %+v\n", *s))
	}
	for _, s := range p.shared.View().Services.Servers() {
		if s != nil {
			lines = append(lines, fmt.Sprintf("server %d %v:%d: %+v, active %d, all %d\n", s.ID, s.Addr, s.Port,
				s.Counted(), s.Load.Active.Load(), s.Load.Total.Load()))
		}
	}
	for i, w := range p.rig.Workers {
		lines = append(lines, fmt.Sprintf("worker %d: %+v\n", i, w.Counts()))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
