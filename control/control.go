package control

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"director/conntrack"
	"director/dataplane"
	"director/dataplane/sysctl"
	"director/neigh"
	"director/packet"
	"director/sched"
	"director/service"
)

// Periods of the housekeeping, in nanoseconds.
const (
	EstimatePeriod = 2_000_000_000 // ip_vs_est.c
	DefencePeriod  = dataplane.DefencePeriod
	CollectPeriod  = service.TrashPeriod
	ComparePeriod  = service.ComparePeriod
)

// Options of a Control.
type Options struct {
	Shared *dataplane.Engine
	// Workers is the number of workers that use Shared.
	Workers int
	// Hops creates the table of next hops for the clients and the real servers of a
	// service table. It identifies a real server by its number: see Addresses.
	Hops     func(*service.Table) *neigh.Table
	Marks    []service.Mark
	Timeouts service.Timeouts
	Sysctl   sysctl.Values
	// Network returns the state of the network, which is checked before a real
	// server is added. If it is nil there is no such check.
	Network func() neigh.Snapshot
	// Changed is called after each change of the services, by the goroutine that made
	// the change. Several calls may run at once. It may be nil.
	Changed func()
	// Journal records the changes that are made at run time. It may be nil.
	Journal Journal
	// Audit is told of each change that an Origin made, after the change. Several calls
	// may run at once. It may be nil.
	Audit func(Origin, []Difference)
	// Seed is the seed of all random numbers. With 0 they differ at each start.
	Seed uint64
	// SkipUnreachable lets the schedulers pass over real servers that packets cannot
	// reach.
	SkipUnreachable bool
}

// Control changes the settings of a director's workers. Its methods may be called by
// any goroutine. A change is made completely or not at all. The workers see it at their
// next step.
type Control struct {
	*core
	by Origin
}

// By returns a Control for the same director. Changes that are made through it are o's.
func (c *Control) By(o Origin) *Control { return &Control{c.core, o} }

// core is the part that all Controls of a director share.
type core struct {
	shared   *dataplane.Engine
	hops     func(*service.Table) *neigh.Table
	tunables *sched.Tunables
	marks    []service.Mark
	network  func() neigh.Snapshot
	changed  func()
	journal  Journal
	audit    func(Origin, []Difference)

	recording sync.Mutex // held while the journal is written; taken before mu
	mu        sync.Mutex
	registry  *service.Registry
	options   service.Options // of registry
	guard     *dataplane.Guard
	timeouts  service.Timeouts
	sysctl    sysctl.Values
	skip      bool // Options.SkipUnreachable
	base      baseline
}

// New returns a Control without services, and publishes the first view to the
// workers.
func New(o Options) *Control {
	c := &Control{core: &core{
		shared: o.Shared, hops: o.Hops, tunables: sched.NewTunables(),
		marks: o.Marks, network: o.Network, changed: o.Changed, journal: o.Journal, audit: o.Audit,
		sysctl: o.Sysctl, timeouts: o.Timeouts, skip: o.SkipUnreachable,
		base: baseline{timeouts: o.Timeouts, sysctl: o.Sysctl, differ: map[service.Key]bool{}, rewrite: true},
	}}
	if c.changed == nil {
		c.changed = func() {}
	}
	c.options = service.Options{Workers: o.Workers, Tunables: c.tunables, Marks: o.Marks, Seed: o.Seed}
	c.registry = service.NewRegistry(c.options)
	c.guard = dataplane.NewGuard(o.Shared, o.Seed)
	c.follow()
	return c
}

// follow publishes the present settings to the workers. The caller holds the lock.
func (c *Control) follow() {
	c.registry.Commit(func(t *service.Table) {
		c.shared.SetView(&dataplane.View{
			Services: t,
			Hops:     c.hops(t),
			Timeouts: conntrack.NewTimeouts(c.timeouts.Durations()),
			Sysctl:   c.sysctl,
		})
	})
	hops := c.shared.View().Hops
	if c.skip && !hops.AllReachable() {
		c.registry.Skip(func(id uint32) bool { return hops.Unreachable(id) != packet.None })
	} else {
		c.registry.Skip(nil)
	}
	c.tunables.LBLCExpiry.Store(int64(c.sysctl.LBLCExpiration) * int64(time.Second))
	c.tunables.LBLCRExpiry.Store(int64(c.sysctl.LBLCRExpiration) * int64(time.Second))
	c.guard.Update()
}

// Addresses returns the addresses of a table's real servers, indexed by their number.
// An unused number has the zero address. So has a removed server without connections: it
// gets no packets, and the kernel need not ask for its Ethernet address any more.
func Addresses(t *service.Table) []packet.Addr {
	addrs := make([]packet.Addr, len(t.Servers()))
	for i, s := range t.Servers() {
		if s != nil && (t.Member(s.ID) || s.Load.Total.Load() > 0 || s.Persistent.Load() > 0) {
			addrs[i] = s.Addr
		}
	}
	return addrs
}

// change calls do with the time-outs and sysctls. If do succeeds, change publishes the
// result to the workers.
func (c *Control) change(do func(*service.Timeouts, *sysctl.Values) error) error {
	c.mu.Lock()
	t, v := c.timeouts, c.sysctl
	err := do(&t, &v)
	var changes []Difference
	if err == nil {
		changes = c.setSettings(t, v)
		c.follow()
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	c.Record()
	if len(changes) > 0 {
		c.audit(c.by, changes)
	}
	return nil
}

// endStranded removes the connections of removed servers if the sysctl
// expire_nodest_conn is set (ip_vs_expire_nodest_conn_flush).
func (c *Control) endStranded() {
	view := c.shared.View()
	if !view.Sysctl.ExpireNodestConn {
		return
	}
	var ended [2]conntrack.Conn
	for _, templates := range [...]bool{false, true} { // a template after the connections that it controls
		for info := range c.shared.Conns().All() {
			if info.Is(conntrack.Template) != templates || view.Services.Member(info.Server) {
				continue
			}
			for i := range c.shared.Conns().Remove(info.ID, &ended) {
				c.shared.Settle(&ended[i])
			}
		}
	}
}

// Zero resets the counts of a service and its servers. If k is nil, it resets all counts.
func (c *Control) Zero(k *service.Key) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.registry.Zero(k)
}

// Timeouts returns the present time-outs.
func (c *Control) Timeouts() service.Timeouts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.timeouts
}

// SetTimeouts sets the time-outs in t that are not 0. A connection keeps its old
// time-out until its next packet.
func (c *Control) SetTimeouts(t service.Timeouts) error {
	if err := t.Validate(); err != nil {
		return err
	}
	return c.change(func(now *service.Timeouts, _ *sysctl.Values) error {
		now.Set(t)
		return nil
	})
}

// Sysctl returns the present sysctls.
func (c *Control) Sysctl() sysctl.Values {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sysctl
}

// Settings contains everything that can be changed while a director runs.
type Settings struct {
	Services []service.Spec
	Timeouts service.Timeouts
	Sysctl   sysctl.Values
}

// Settings returns the present settings.
func (c *Control) Settings() Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Settings{c.registry.Specs(), c.timeouts, c.sysctl}
}

// ServiceError reports which change of a service, or of one of its servers, Update
// refused.
type ServiceError struct {
	Op  Op
	Err error
}

// Key returns the service.
func (e *ServiceError) Key() service.Key { return e.Op.Service.Key }

func (e *ServiceError) Error() string { return e.Err.Error() }
func (e *ServiceError) Unwrap() error { return e.Err }

// Update calls change with the present settings and applies the settings that change
// returns. If a part is refused, nothing is applied. No other change can happen during
// the call. If a service or server is refused, the error is a *ServiceError.
func (c *Control) Update(change func(now Settings) Settings) error {
	return c.update(func() Settings {
		return change(Settings{c.registry.Specs(), c.timeouts, c.sysctl})
	}, func(Settings) {})
}

// update is Update. change is called with the lock held. If nothing is refused, update
// calls done with the settings that run then, also with the lock held.
func (c *Control) update(change func() Settings, done func(want Settings)) error {
	c.mu.Lock()
	timeouts, values := c.timeouts, c.sysctl
	want := change()
	ops := Diff(c.registry.Specs(), want.Services)
	c.timeouts, c.sysctl = want.Timeouts, want.Sysctl // apply publishes them
	changes, err := c.apply(ops)
	c.timeouts, c.sysctl = timeouts, values
	if err == nil {
		changes = append(changes, c.setSettings(want.Timeouts, want.Sysctl)...)
		done(want)
	}
	c.mu.Unlock()
	if e, ok := errors.AsType[*OpError](err); ok { // the number of a change means nothing to the caller
		err = &ServiceError{e.Op, e.Err}
	}
	return c.applied(ops, changes, err)
}

// Load makes next the configuration, and applies what it says. The running settings that
// differ from the configuration that was loaded before stay as they are, unless drop is
// set. The error is that of Update.
func (c *Control) Load(next Settings, drop bool) error {
	return c.update(func() Settings {
		if drop {
			return next
		}
		d := c.drift()
		return d.Onto(next)
	}, func(want Settings) { c.setBase(next, want.Services) })
}

// Begin is the first Load of a director. kept is the drift of the director before it,
// which stays.
func (c *Control) Begin(next Settings, kept Drift) error {
	return c.update(func() Settings { return kept.Onto(next) }, func(want Settings) { c.setBase(next, want.Services) })
}

// SetSysctls sets sysctls by their names. If one is refused, none is set.
func (c *Control) SetSysctls(values map[string]string) error {
	return c.change(func(_ *service.Timeouts, now *sysctl.Values) error {
		for name, value := range values {
			if err := now.Set(name, value); err != nil {
				return fmt.Errorf("%s=%s: %w", name, value, err)
			}
		}
		return nil
	})
}

// SetSysctl sets one sysctl by its name.
func (c *Control) SetSysctl(name, value string) error {
	return c.change(func(_ *service.Timeouts, now *sysctl.Values) error { return now.Set(name, value) })
}

// Refresh publishes the present state of the network to the workers.
func (c *Control) Refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follow()
}

// Estimate updates the listed counts and rates. It is called every EstimatePeriod. If the
// sysctl run_estimation is 0, it does nothing and returns false.
func (c *Control) Estimate() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sysctl.RunEstimation {
		c.registry.Estimate()
	}
	return c.sysctl.RunEstimation
}

// Defend updates the defences against a full connection table. It is called every
// DefencePeriod. now is a time of the workers' clock.
func (c *Control) Defend(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.guard.Tick(now)
}

// Collect deletes removed servers that nothing refers to. It is called every
// CollectPeriod. now is a time of the workers' clock.
func (c *Control) Collect(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.registry.Collect(now) {
		c.follow()
	}
}
