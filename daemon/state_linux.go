package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"director/control"
	"director/control/config"
	"director/control/journal"
	"director/control/state"
	"director/dataplane/steer"
	"director/host"
	"director/host/privilege"
	"director/service"
)

// The steps of a restart with --state, in order. The director that stops, if it is told
// that a successor comes:
//
//	release    keeps the VIPs on the interfaces
//	           stops its workers
//	saveState  saves the connections and attaches the blackout filter
//	           detaches its hooks, which received the frames until now
//	           ends the journal
//
// The director that starts:
//
//	recall     opens the state file and reads the journal
//	           opens its queues, which get no frames yet
//	begin      applies the configuration and the changes of the journal
//	resume     restores the connections
//	           attaches its hooks: from now on the queues get the frames
//	succeed    removes the blackout filter
//	           starts its workers
//
// During the whole time the host sees no balanced frame. It would reset the connection of
// a client's frame, and forward a server's answer unchanged.
//
// A director that is only told to stop removes the VIPs and attaches no blackout filter,
// because another host may take the addresses at once. It saves the state all the same.

// recall opens the file of an earlier director, unless it must not be used, and reads the
// journal of the changes that were made while that director ran.
func (d *Daemon) recall() error {
	path := d.config.State
	if path == "" {
		return nil
	}
	if err := d.openPlaces(path); err != nil {
		return refusal(path, err)
	}
	if err := d.lockState(); err != nil {
		return err
	}
	d.readJournal()
	saved, err := state.Open(d.places.State, time.Now())
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

// refusal returns the error for a state file that cannot be written. It is an error of the
// command line, after which a service manager does not try again, unless the trouble is the
// disk's and may pass.
func refusal(path string, err error) error {
	for _, passing := range []error{unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EIO, unix.ENOMEM, unix.EMFILE, unix.ENFILE} {
		if errors.Is(err, passing) {
			return fmt.Errorf("--state=%s: %w", path, err)
		}
	}
	return host.Usagef("--state=%s: %w", path, err)
}

// openPlaces opens the directory of the state file and checks now what will have to work at
// the end, with the capabilities that the director has then.
func (d *Daemon) openPlaces(path string) (err error) {
	if d.places, err = state.OpenFiles(path); err != nil {
		return err
	}
	d.defers("close the directory of the state", d.places.Close)
	return privilege.Later(d.places.Check)
}

// lockState keeps a second director off the files of --state.
func (d *Daemon) lockState() error {
	lock, err := d.places.Lock()
	if err != nil {
		return fmt.Errorf("--state=%s: %w", d.config.State, err)
	}
	d.defers("unlock the state", lock.Close)
	return nil
}

// readJournal reads what was changed while the previous director ran. It tells whether
// that director crashed.
func (d *Daemon) readJournal() {
	found, err := journal.Read(d.places.Journal)
	switch {
	case errors.Is(err, journal.ErrDamaged):
		d.log.Warn().Err(err).Msg("the changes that were made while the previous director ran are lost, and it is not known whether it crashed")
	case err != nil:
		d.log.Warn().Err(err).Msg("journal refused: the changes that were made while the previous director ran are lost")
	}
	if found.Damaged != "" {
		d.log.Warn().Str("journal", d.places.Journal.Path()).Str("damaged", found.Damaged).
			Msg("the journal is damaged: the changes before that line are kept, those after it are lost")
	}
	if c := found.Crashed; c != nil {
		d.log.Warn().Int("pid", c.PID).Time("started", c.At).Int("changes", len(found.Differences())).
			Msg("the previous director did not end as it should: its connections are lost, its run-time changes are kept")
	}
	for _, err := range found.RemoveRefused() {
		d.log.Warn().Err(err).Msg("this sysctl, which was changed while the previous director ran, is refused by this version: it has its configured value")
	}
	d.kept = found.Drift
	d.recorder = &recorder{Journal: journal.New(d.places.Journal), log: d.log}
	d.defers("end the journal", func() error {
		return d.inTime(journalTime, "the journal", func() error {
			d.repeatJournal()
			return d.recorder.Close()
		})
	})
}

// journal returns the journal of the control plane, nil if there is none.
func (d *Daemon) journal() control.Journal {
	if d.recorder == nil {
		return nil // an interface that holds a nil pointer would not be nil
	}
	return d.recorder
}

// recorder is a journal that logs its errors.
type recorder struct {
	*journal.Journal
	log    zerolog.Logger
	failed atomic.Pointer[string] // the last error, if it is not over
}

// Append adds a change.
func (r *recorder) Append(later control.Drift) error { return r.note(r.Journal.Append(later)) }

// Replace writes the whole journal.
func (r *recorder) Replace(d control.Drift) error { return r.note(r.Journal.Replace(d)) }

func (r *recorder) note(err error) error {
	if err == nil {
		r.failed.Store(nil)
		return nil
	}
	r.log.Error().Err(err).Msg("cannot write the journal: the changes that are made now are lost if the director ends")
	r.failed.Store(new(err.Error()))
	return err
}

// repeatJournal writes the journal anew if that has failed before.
func (d *Daemon) repeatJournal() {
	if d.recorder != nil && d.recorder.failed.Load() != nil {
		d.control.Record()
	}
}

// begin gives the control plane its first configuration. The run-time changes of the
// previous director are kept unless --reload-runtime=drop. A change of a service that does
// not fit this host any more is dropped alone.
func (d *Daemon) begin() error {
	kept := d.kept
	if d.config.ReloadRuntime == config.RuntimeDrop {
		kept = control.Drift{}
	}
	for {
		err := d.control.Begin(settings(d.config), kept)
		e, ok := errors.AsType[*control.ServiceError](err)
		if !ok || !kept.Forget(e.Key()) {
			if err == nil {
				d.tellKept()
			}
			return err
		}
		d.log.Warn().Err(e.Err).Str("service", e.Key().Name()).
			Msg("the changes of this service that were made while the previous director ran are lost")
	}
}

// tellKept warns that changes of the previous director are in force. Without this line a
// director without services would look like one that was configured so.
func (d *Daemon) tellKept() {
	n := d.control.Differing()
	if n == 0 {
		return
	}
	d.log.Warn().Int("changes", n).Int("services-removed", d.control.Removed()).
		Msg("run-time changes of the previous director are in force: \"director diff\" shows them, \"director reload --drop-runtime\" drops them")
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
		Float64("took-seconds", time.Since(began).Seconds()).Float64("pause-seconds", time.Since(d.saved.Saved).Seconds()).Msg("saved connections restored")
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

// saveState saves the connections of the workers, which have stopped. If a successor comes,
// it leaves a blackout filter, so that the host does not reset the connections until that
// director starts.
func (d *Daemon) saveState() error {
	began := time.Now()
	n, err := d.save()
	if err != nil {
		return fmt.Errorf("%d connections are not saved: %w", d.shared.Conns().Used(), err)
	}
	if d.successor {
		var indexes []int
		for _, a := range d.ifaces {
			indexes = append(indexes, a.index)
		}
		if err := d.steering.LeaveBlackout(indexes, state.MaxAge); err != nil {
			d.log.Warn().Err(err).Msg("the host sees balanced frames until the next director starts, and may reset connections")
		}
	}
	d.log.Info().Str("state", d.config.State).Int("connections", n).Float64("took-seconds", time.Since(began).Seconds()).Msg("state saved")
	return nil
}

// save writes the state file and returns how many connections it holds. It does not wait for
// a disk that hangs: the connections are lost then, but the director has to end in time.
func (d *Daemon) save() (connections int, err error) {
	h := state.Header{Clock: d.shared.Now()}
	for _, s := range d.shared.View().Services.Servers() {
		if s != nil {
			h.Servers = append(h.Servers, state.Server{Name: s.Name(), Number: s.ID, Overloaded: s.Load.Overloaded.Load()})
		}
	}
	ctx, cancel := d.until(saveTime, "the state")
	defer cancel()
	return d.writeState(ctx, d.places.State, h, d.shared.Dump())
}
