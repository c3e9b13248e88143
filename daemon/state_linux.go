package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"director/control/state"
	"director/dataplane/steer"
	"director/host"
	"director/service"
)

// The steps of a restart with --state, in order. The director that stops:
//
//	release    keeps the VIPs on the interfaces
//	           stops its workers
//	saveState  saves the connections and attaches the blackout filter
//	           detaches its hooks, which received the frames until now
//
// The director that starts:
//
//	recall     opens the state file
//	           opens its queues, which get no frames yet
//	resume     restores the connections
//	           attaches its hooks: from now on the queues get the frames
//	succeed    removes the blackout filter
//	           starts its workers
//
// During the whole time the host sees no balanced frame. It would reset the connection of
// a client's frame, and forward a server's answer unchanged.

// recall opens the file of an earlier director, unless it must not be used.
func (d *Daemon) recall() error {
	path := d.config.State
	if path == "" {
		return nil
	}
	if err := state.Probe(path); err != nil {
		return host.Usagef("--state %s: %w", path, err)
	}
	saved, err := state.Open(path, time.Now())
	switch {
	case err == nil:
		d.saved = saved
		d.defers("close the saved state", d.forget(saved.Close))
	case errors.Is(err, fs.ErrNotExist):
		d.log.Info().Str("state", path).Msg("no saved state: starting without connections")
	default:
		d.log.Warn().Err(err).Msg("saved state refused: starting without connections")
	}
	return nil
}

// forget returns a function that ends the use of the saved state: it calls do once, if the
// file is still open.
func (d *Daemon) forget(do func() error) func() error {
	return func() error {
		if d.saved == nil {
			return nil
		}
		d.saved = nil
		return do()
	}
}

// clock returns the workers' clock. It continues where the clock of the previous director
// stopped, so saved times stay in the past.
func (d *Daemon) clock() func() int64 {
	start, base := time.Now(), int64(0)
	if d.saved != nil {
		base = d.saved.Clock
	}
	return func() int64 { return (base + int64(time.Since(start))) &^ (clockTick - 1) }
}

// resume adds the saved connections whose servers still exist.
func (d *Daemon) resume() error {
	if d.saved == nil {
		return nil
	}
	began := time.Now()
	named := d.shared.View().Services.Named()
	servers := map[uint32]*service.Server{}
	for _, s := range d.saved.Servers {
		if now := named[s.Name]; now != nil {
			servers[s.Number] = now
		}
	}
	r := d.shared.Resume(servers)
	if err := d.saved.Each(d.shared.Now(), r.Add); err != nil {
		return fmt.Errorf("load the saved state: %w", err)
	}
	for _, s := range d.saved.Servers {
		if now := servers[s.Number]; now != nil && s.Overloaded {
			now.Overload()
		}
	}
	d.control.Refresh() // some servers need masquerading only for these connections
	e := d.log.Info()
	if r.Stranded+r.Refused > 0 {
		e = d.log.Warn()
	}
	e.Int("connections", r.Resumed).Int("left-out-without-server", r.Stranded).Int("left-out-without-room", r.Refused).
		Dur("took", time.Since(began)).Dur("pause", time.Since(d.saved.Saved)).Msg("saved connections restored")
	return nil
}

// succeed is called as soon as this director receives the frames. It lifts the blackout
// filter of the previous director, even if this one will not leave any. It removes the
// state file, which has been used. From now on Stop saves the connections.
func (d *Daemon) succeed() error {
	for _, a := range d.ifaces {
		switch lifted, err := steer.LiftBlackout(a.index); {
		case err != nil:
			d.log.Warn().Err(err).Msg("reinjected frames are lost until a blackout filter of an earlier director expires, if there is one")
		case lifted:
			d.log.Info().Str("interface", a.name).Msg("taken over from the previous director")
		}
	}
	if d.config.State == "" {
		return nil
	}
	if err := d.steering.PrepareBlackout(); err != nil {
		return err
	}
	d.defers("save the state", d.saveState)
	if d.saved == nil {
		return nil
	}
	return d.forget(d.saved.Discard)()
}

// saveState saves the connections of the workers, which have stopped. It leaves a
// blackout filter, so that the host does not reset the connections until the next
// director starts.
func (d *Daemon) saveState() error {
	began := time.Now()
	n, err := d.save()
	if err != nil {
		return err
	}
	var indexes []int
	for _, a := range d.ifaces {
		indexes = append(indexes, a.index)
	}
	if err := d.steering.LeaveBlackout(indexes, state.MaxAge); err != nil {
		d.log.Warn().Err(err).Msg("the host sees balanced frames until the next director starts, and may reset connections")
	}
	d.log.Info().Str("state", d.config.State).Int("connections", n).Dur("took", time.Since(began)).Msg("state saved")
	return nil
}

// save writes the state file and returns how many connections it holds.
func (d *Daemon) save() (connections int, err error) {
	d.loading.Lock()
	base := d.loaded.Services
	d.loading.Unlock()
	h := state.Header{Clock: d.shared.Now(), Base: base, Running: d.control.Specs()}
	for _, s := range d.shared.View().Services.Servers() {
		if s != nil {
			h.Servers = append(h.Servers, state.Server{Name: s.Name(), Number: s.ID, Overloaded: s.Load.Overloaded.Load()})
		}
	}
	return state.Write(d.config.State, h, d.shared.Dump())
}
