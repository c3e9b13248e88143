package daemon

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"director/conntrack"
	"director/control"
	"director/control/api"
	"director/control/config"
	"director/control/state"
	"director/dataplane"
	"director/dataplane/steer"
	"director/host"
	"director/host/nic"
	"director/host/notify"
	"director/host/plan"
	"director/host/privilege"
	"director/host/vip"
	"director/internal/build"
	"director/internal/files"
	"director/neigh"
	"director/neigh/rtnl"
	"director/packet"
	"director/view/web"
)

const (
	// clockTick is the resolution of the workers' clock in nanoseconds. Packets of
	// one connection within a tick do not write its deadline again.
	clockTick = 1 << 25
	// resolveTime is how long READY waits for next hops to answer.
	resolveTime = 3 * time.Second
	// statusEvery is how often the service manager is told the number of
	// connections.
	statusEvery = time.Second
)

// Daemon is a director from its start to its end. Stop releases what Start has acquired,
// in reverse order.
type Daemon struct {
	config  *config.Config // of the start
	begun   chan struct{}  // closed when the service manager knows that it forwards
	loading sync.Mutex     // held while the configuration is read again
	loaded  *config.Config // the last one that was applied; guarded by loading
	reloads reloads
	load    func() (*config.Config, error)
	log     zerolog.Logger
	version string // of the binary
	started time.Time
	counted atomic.Int64 // when the estimator last ran, in ns since 1970; 0: never

	shared   *dataplane.Engine
	control  *control.Control
	nic      *nic.Control
	watch    network
	served   []packet.Addr // the real servers that the watch serves
	saved    *state.File   // of the previous director, until its connections are restored
	places   *state.Files  // of --state, nil without it
	kept     control.Drift // the run-time changes of the previous director
	recorder *recorder     // nil without --state
	steering *steer.Steering
	ifaces   []*interfaceIO
	cpus     []int // by worker
	workers  []*dataplane.Worker
	threads  []atomic.Int32 // the workers' thread numbers, by worker
	follower follower
	socket   net.Listener               // of the control API
	holder   atomic.Pointer[vip.Holder] // nil if no VIPs are held
	server   *api.HTTPServer
	manager  notify.Manager
	web      *web.Server // nil without --http
	window   window

	successor bool                   // another director will go on with the connections; set by Wait
	stopping  atomic.Pointer[string] // what Stop is doing
	stopBegan time.Time              // set by Stop
	exit      func(code int)         // ends the process at once

	// writeState is state.Write.
	writeState func(context.Context, *files.Place, state.Header, iter.Seq2[*conntrack.Record, *dataplane.Dialogue]) (int, error)

	broken     chan error     // the first failure while running
	hangup     chan os.Signal // asks for a reload
	background sync.WaitGroup
	cancel     context.CancelFunc // ends the background goroutines
	undo       []release
}

// network is what the daemon asks of the kernel's links, routes and neighbours. It is
// a *rtnl.Watch.
type network interface {
	dataplane.Resolver
	Snapshot() neigh.Snapshot
	Changes() <-chan struct{}
	Serve(servers []packet.Addr)
	Resolve(ctx context.Context) (silent []netip.Addr)
	Confirm(nextHop packet.Addr, iface uint8)
	AnyQueues(index int)
	Statics(ctx context.Context, all []rtnl.Static) error
	Run(ctx context.Context) error
}

// release undoes one thing that Start did.
type release struct {
	what string
	do   func() error
}

func (d *Daemon) defers(what string, do func() error) {
	d.undo = append(d.undo, release{what, do})
}

// ErrSuccessor is the cause of a context that asks a director to end because another one
// will go on with its connections at once. With --state the VIPs then stay, and the host
// does not see balanced frames until the other director starts.
var ErrSuccessor = errors.New("a successor comes")

// New returns a director that has not started yet. load reads its configuration again
// for a reload; nil means that there is no reload.
func New(c *config.Config, load func() (*config.Config, error), log zerolog.Logger) *Daemon {
	d := &Daemon{
		config: c, loaded: c, load: load, log: log, version: build.Version(),
		started: time.Now(), begun: make(chan struct{}), broken: make(chan error, 1), hangup: make(chan os.Signal, 1),
		exit: os.Exit, writeState: state.Write,
	}
	d.follower.log, d.follower.rules = log, d.rules
	d.window.log = log
	d.reloads.AppliedAt = d.started
	return d
}

// Run starts a director, waits until ctx ends or something fails, and restores the host.
// The cause of ctx may be ErrSuccessor. If the director does not end soon after ctx, Run
// ends the process, and as soon as it may when hurry is closed. An error that matches
// host.ErrUsage is about the configuration.
func Run(ctx context.Context, hurry <-chan struct{}, c *config.Config, load func() (*config.Config, error), log zerolog.Logger) error {
	d := New(c, load, log)
	defer d.guardEnd(ctx, hurry)()
	err := d.Start(ctx)
	if err == nil {
		err = d.Wait(ctx)
	}
	return errors.Join(err, d.Stop())
}

// Start acquires everything and starts to forward. Stop must be called even after an
// error.
func (d *Daemon) Start(ctx context.Context) error {
	signal.Notify(d.hangup, syscall.SIGHUP) // by default it would end a director that is starting
	d.defers("let a hangup end the process", func() error { signal.Stop(d.hangup); return nil })
	if err := host.Kernel(); err != nil {
		return err
	}
	if err := plan.CheckInterfaces(d.config, host.Exists); err != nil {
		return err
	}
	claim, err := host.ClaimInterfaces(d.config.Interfaces)
	if err != nil {
		return err
	}
	d.defers("release the interfaces", claim.Close)
	if err := host.Privileges(); err != nil {
		return err
	}
	if err := privilege.Seal(); err != nil {
		return err
	}
	if d.manager, err = notify.Open(); err != nil {
		return err
	}
	for _, step := range []func() error{d.listenHTTP, d.openControl, d.look, d.recall, d.openInterfaces, d.employ, d.makeRoom, d.resume, d.follower.begin, d.succeed} {
		if err := step(); err != nil {
			return err
		}
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.cancel = cancel
	d.defers("end the background work", func() error { cancel(); d.background.Wait(); return nil })
	d.follow(background)
	d.work()
	d.showNumbers()
	if err := d.holdVIPs(background); err != nil {
		return err
	}
	d.listen()
	if err := privilege.Drop(); err != nil {
		return err
	}
	d.confine()
	d.announce(ctx, background)
	close(d.begun)
	return nil
}

// look opens the sources of facts about the host and checks the rules against them.
func (d *Daemon) look() error {
	var err error
	if d.nic, err = nic.Open(); err != nil {
		return err
	}
	d.defers("close the interface control", d.nic.Close)
	if err := d.checkMasters(); err != nil {
		return err
	}
	watch, err := rtnl.Open(rtnl.Config{
		Interfaces: d.config.Interfaces, Static: statics(d.config), Queues: d.nic.Queues, Log: d.log,
	})
	if err != nil {
		return err
	}
	d.watch = watch
	d.defers("leave the neighbour table", watch.Close)
	if err := control.CheckServers(d.config.Services, d.watch.Snapshot()); err != nil {
		return host.Usagef("%w", err)
	}
	return nil
}

// build creates the tables that the workers share. workers is the number of workers.
func (d *Daemon) build(workers int) error {
	conns, err := conntrack.New(d.config.ConnTableSize)
	if err != nil {
		return err
	}
	d.defers("free the connection table", func() error { conns.Close(); return nil })
	if d.config.TCPStrict {
		if err := conns.TrackStreams(); err != nil {
			return err
		}
	}
	d.shared = dataplane.New(dataplane.Options{
		Conns:    conns,
		Clock:    d.clock(),
		Resolver: d.watch,
		Ident:    uint16(rand.Uint32()), // a restarted director must not repeat the numbers of the one before
		Seed:     [2]uint64{rand.Uint64(), rand.Uint64()},
		ICMPRate: d.config.ICMPRateLimit,
		ICMPMask: d.config.ICMPRateMask,

		GiantLock: d.config.GiantLock,
	})
	d.control = control.New(control.Options{
		Shared:   d.shared,
		Workers:  workers,
		Hops:     d.hops,
		Marks:    d.config.Marks,
		Timeouts: d.config.Timeouts,
		Sysctl:   d.config.Sysctl,
		Network:  d.watch.Snapshot,
		Changed:  d.follower.catchUp,
		Journal:  d.journal(),
		Audit:    d.audit,

		SkipUnreachable: d.config.SkipUnreachable,
	})
	for _, mark := range d.config.UndefinedMarks() {
		d.log.Warn().Uint32("mark", mark).Msg("no --fwmark defines this mark, so its service gets no traffic")
	}
	return d.begin()
}

// announce waits until the next hops of the real servers are known or do not answer. Then
// it tells the service manager that the director is ready, and keeps the status up to
// date until background ends.
func (d *Daemon) announce(ctx, background context.Context) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	for _, a := range d.watch.Resolve(ctx) {
		d.log.Warn().Stringer("neighbor", a).Msg("next hop does not answer ARP requests: frames to it are dropped until it answers")
	}
	d.control.Refresh() // at READY the workers must know the next hops that did answer
	if err := d.manager.Ready(); err != nil {
		d.log.Warn().Err(err).Msg("cannot notify the service manager")
	}
	d.phase(web.Ready)
	d.background.Go(func() { d.tellStatus(background) })
	d.log.Info().Int("workers", len(d.workers)).Int("services", len(d.control.Specs())).
		Int("conn-table-size", d.config.ConnTableSize).Msg("forwarding")
}

// tellStatus keeps the status line of systemctl up to date.
func (d *Daemon) tellStatus(ctx context.Context) {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for last := -1; ; {
		if used := d.shared.Conns().Used(); used != last {
			last = used
			status := fmt.Sprintf("%d connections of %d", used, d.shared.Conns().Size())
			if err := d.manager.Status(status); err != nil {
				d.log.Warn().Err(err).Msg("cannot notify the service manager")
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Wait returns nil when ctx ends, or the first failure. A hangup reloads.
func (d *Daemon) Wait(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			d.successor = errors.Is(context.Cause(ctx), ErrSuccessor)
			d.log.Info().Bool("successor", d.successor).Msg("stopping")
			return nil
		case err := <-d.broken:
			return err
		case <-d.hangup:
			_ = d.Reload(ctx, control.Origin{Via: "hangup", UID: -1, PID: -1}, false) // it logs what is wrong
		}
	}
}

// fail ends the run with err, unless err is nil.
func (d *Daemon) fail(err error) {
	if err == nil {
		return
	}
	select {
	case d.broken <- err:
	default: // the run ends already, because of an earlier failure
	}
}

// Stop releases everything. It continues after an error and returns all of them.
func (d *Daemon) Stop() error {
	d.stopBegan = time.Now()
	d.phase(web.Stopping)
	if err := d.manager.Stopping(); err != nil {
		d.log.Warn().Err(err).Msg("cannot notify the service manager")
	}
	var errs []error
	for _, r := range slices.Backward(d.undo) {
		d.stopping.Store(&r.what)
		if err := r.do(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.what, err))
		}
	}
	d.undo = nil
	return errors.Join(errs...)
}
