package daemon

import (
	"time"

	"github.com/rs/zerolog"

	"director/control"
	"director/packet"
	"director/service"
)

const (
	// serverQuiet is the least time between two lines about the same real server.
	serverQuiet = 10 * time.Second
	// serverLines is the largest number of lines about real servers that are logged at
	// once. A link that goes down can concern thousands.
	serverLines = 10
)

// serverLog logs when packets can no longer reach a real server, and when they can again.
// One goroutine uses it.
type serverLog struct {
	log    zerolog.Logger
	states map[packet.Addr]*serverState
}

// serverState is what is known and what was logged of one real server.
type serverState struct {
	now, logged bool      // whether it is unreachable, whether that is what was logged last
	at          time.Time // of the last line
	since       time.Time // when packets could not reach it any more
	changes     int       // since the last line
	latest      control.Unreachable
}

// update compares the real servers that are unreachable at a time with those that were
// logged, and logs the differences.
func (l *serverLog) update(now time.Time, unreachable []control.Unreachable) {
	if len(unreachable) == 0 && len(l.states) == 0 {
		return
	}
	here := map[packet.Addr]bool{}
	for _, u := range unreachable {
		here[u.Addr] = true
		if l.states[u.Addr] == nil {
			l.states[u.Addr] = new(serverState)
		}
		l.states[u.Addr].latest = u
	}
	left, held := serverLines, 0
	for addr, s := range l.states {
		if s.now != here[addr] {
			s.now = here[addr]
			s.changes++
			if s.now {
				s.since = now
			}
		}
		switch {
		case s.now == s.logged && !s.now && now.Sub(s.at) >= serverQuiet:
			delete(l.states, addr)
		case s.now == s.logged || !s.at.IsZero() && now.Sub(s.at) < serverQuiet:
		case left == 0:
			held++
			s.logged, s.at, s.changes = s.now, now, 0
		default:
			left--
			l.tell(now, s)
			s.logged, s.at, s.changes = s.now, now, 0
		}
	}
	if held > 0 {
		l.log.Warn().Int("servers", held).Msg("more real servers can or cannot be reached now: director top and the status page show them")
	}
}

func (l *serverLog) tell(now time.Time, s *serverState) {
	e := l.log.Info()
	if s.now {
		e = l.log.Warn()
	}
	e = e.Stringer("server", s.latest.Addr)
	if s.changes > 1 {
		e = e.Int("changes", s.changes)
	}
	if !s.now {
		e.Float64("unreachable-seconds", now.Sub(s.since).Seconds()).Msg("real server can be reached again")
		return
	}
	e = e.Stringer("because", s.latest.Reason)
	if !s.latest.Via.IsZero() {
		e = e.Stringer("next-hop", s.latest.Via)
	}
	e.Int("services", s.latest.Rules).Int("skipped-in", s.latest.Skipped).
		Msg("real server cannot be reached: it gets no new connections in the services in which it is skipped")
}

// serverTexts and serviceTexts say what has become of a real server and of a service.
var (
	serverTexts = map[service.Outcome]string{
		service.Fails:  "most new connections to a real server fail, unlike those of its peers",
		service.Works:  "new connections to a real server succeed again",
		service.Unused: "real server has had no new connections for five minutes: whether they would still fail is not known",
		service.Alike:  "new connections to a real server still fail, but now it has no peers, or those to its peers fail, too",
	}
	serviceTexts = map[service.Outcome]string{
		service.Fails:  "at least half of the new connections to a service fail: its servers refuse them, or they make no progress",
		service.Works:  "new connections to a service succeed again",
		service.Unused: "service has had no new connections for five minutes: whether they would still fail is not known",
	}
)

// tellVerdicts logs that real servers have become suspect, or are no longer, and the same
// of services.
func tellVerdicts(log zerolog.Logger, all []service.Verdict) {
	for _, v := range all[:min(serverLines, len(all))] {
		e, text := log.Info(), serverTexts[v.Outcome]
		if v.Outcome != service.Works {
			e = log.Warn()
		}
		e = e.Str("service", v.Of.Name())
		if v.Whole {
			text = serviceTexts[v.Outcome]
		} else {
			e = e.Stringer("server", v.Addr).Uint16("port", v.Port)
		}
		e.Int("connections", int(v.Health.Conns)).Int("no-progress", int(v.Health.Stalled)).
			Int("refused", int(v.Health.Refused)).Int("icmp-errors", int(v.Health.Errors)).Msg(text)
	}
	if n := len(all) - serverLines; n > 0 {
		log.Warn().Int("more", n).Msg("more real servers and services fail, or do no longer: director top and the status page show them")
	}
}

// compare compares the servers of each service, and has the kernel ask the next hops of
// those that gave no sign of life whether they are still there.
func (d *Daemon) compare() {
	changed, quiet := d.control.Compare()
	tellVerdicts(d.log, changed)
	for _, hop := range quiet {
		if hop.Reason == packet.None {
			d.watch.Confirm(hop.Via, hop.Interface)
		}
	}
}
