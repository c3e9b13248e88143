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
)

// Options of a Control.
type Options struct {
	Shared *dataplane.Engine
	// Workers is how many share it.
	Workers int
	// Hops makes the next hops of a table's clients and real servers, who are
	// known there by their number: see Addresses.
	Hops     func(*service.Table) *neigh.Table
	Marks    []service.Mark
	Timeouts service.Timeouts
	Sysctl   sysctl.Values
	// Network returns what real servers are held against before they are added;
	// nil: they are not.
	Network func() neigh.Snapshot
	// Changed is called after each change of the services, by who made it, who
	// waits for it; nil: nobody wants to know. Several calls may run at once.
	Changed func()
	// Seed is what everything random follows from; 0: different each time.
	Seed uint64
}

// Control changes what the workers of a director do. Its methods may be called
// by any goroutine. Each change is made whole, and seen by the workers at
// their next step, or refused whole.
type Control struct {
	shared   *dataplane.Engine
	hops     func(*service.Table) *neigh.Table
	tunables *sched.Tunables
	marks    []service.Mark
	network  func() neigh.Snapshot
	changed  func()

	mu       sync.Mutex
	registry *service.Registry
	guard    *dataplane.Guard
	timeouts service.Timeouts
	sysctl   sysctl.Values
}

// New returns a control of workers that have no services yet, and gives them
// their first view.
func New(o Options) *Control {
	c := &Control{
		shared: o.Shared, hops: o.Hops, tunables: sched.NewTunables(),
		marks: o.Marks, network: o.Network, changed: o.Changed,
		sysctl: o.Sysctl, timeouts: o.Timeouts,
	}
	if c.changed == nil {
		c.changed = func() {}
	}
	c.registry = service.NewRegistry(service.Options{
		Workers: o.Workers, Tunables: c.tunables, Marks: o.Marks, Seed: o.Seed,
	})
	c.guard = dataplane.NewGuard(o.Shared, o.Seed)
	c.follow()
	return c
}

// follow shows the workers what has changed. The caller holds the lock.
func (c *Control) follow() {
	c.registry.Commit(func(t *service.Table) {
		c.shared.SetView(&dataplane.View{
			Services: t,
			Hops:     c.hops(t),
			Timeouts: conntrack.NewTimeouts(c.timeouts.Durations()),
			Sysctl:   c.sysctl,
		})
	})
	c.tunables.LBLCExpiry.Store(int64(c.sysctl.LBLCExpiration) * int64(time.Second))
	c.tunables.LBLCRExpiry.Store(int64(c.sysctl.LBLCRExpiration) * int64(time.Second))
	c.guard.Update()
}

// Addresses returns the addresses of a table's real servers by number; the zero
// address where there is none.
func Addresses(t *service.Table) []packet.Addr {
	addrs := make([]packet.Addr, len(t.Servers()))
	for i, s := range t.Servers() {
		if s != nil {
			addrs[i] = s.Addr
		}
	}
	return addrs
}

// change makes one change and shows it to the workers, if it was made.
func (c *Control) change(do func(*service.Registry) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := do(c.registry)
	if err == nil {
		c.follow()
	}
	return err
}

// endStranded ends the connections of removed servers, if the operator wants
// that (ip_vs_expire_nodest_conn_flush).
func (c *Control) endStranded() {
	view := c.shared.View()
	if !view.Sysctl.ExpireNodestConn {
		return
	}
	var ended [2]conntrack.Conn
	for _, templates := range [...]bool{false, true} { // after those that they control
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

// Zero begins to count anew for a service and its servers, for nil for all.
func (c *Control) Zero(k *service.Key) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.registry.Zero(k)
}

// Timeouts returns the time-outs as they are set.
func (c *Control) Timeouts() service.Timeouts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.timeouts
}

// SetTimeouts sets those that are not 0. Connections keep the old ones until
// their next packet.
func (c *Control) SetTimeouts(t service.Timeouts) error {
	if err := t.Validate(); err != nil {
		return err
	}
	return c.change(func(*service.Registry) error {
		c.timeouts.Set(t)
		return nil
	})
}

// Sysctl returns the sysctls as they are set.
func (c *Control) Sysctl() sysctl.Values {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sysctl
}

// Settings are all that can be changed while a director runs.
type Settings struct {
	Services []service.Spec
	Timeouts service.Timeouts
	Sysctl   sysctl.Values
}

// Settings returns what is set now.
func (c *Control) Settings() Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Settings{c.registry.Specs(), c.timeouts, c.sysctl}
}

// ServiceError says which change of a service, or of one of its servers, Update
// refused.
type ServiceError struct {
	Op  Op
	Err error
}

// Key returns the service.
func (e *ServiceError) Key() service.Key { return e.Op.Service.Key }

func (e *ServiceError) Error() string { return e.Err.Error() }
func (e *ServiceError) Unwrap() error { return e.Err }

// Update calls change with the present settings and sets what it returns. It sets
// all of it or, if something is refused, nothing. No other change comes in between.
// If a service or server is refused the error is a *ServiceError.
func (c *Control) Update(change func(now Settings) Settings) error {
	c.mu.Lock()
	now := Settings{c.registry.Specs(), c.timeouts, c.sysctl}
	want := change(now)
	ops := Diff(c.registry.Specs(), want.Services) // change may have changed those that it was shown
	c.timeouts, c.sysctl = want.Timeouts, want.Sysctl
	err := c.apply(ops)
	if err != nil {
		c.timeouts, c.sysctl = now.Timeouts, now.Sysctl
	}
	c.mu.Unlock()
	if e, ok := errors.AsType[*OpError](err); ok { // the caller does not know the changes by number
		err = &ServiceError{e.Op, e.Err}
	}
	return c.applied(ops, err)
}

// SetSysctls sets sysctls by their names, all or none.
func (c *Control) SetSysctls(values map[string]string) error {
	return c.change(func(*service.Registry) error {
		next := c.sysctl
		for name, value := range values {
			if err := next.Set(name, value); err != nil {
				return fmt.Errorf("%s=%s: %w", name, value, err)
			}
		}
		c.sysctl = next
		return nil
	})
}

// SetSysctl sets one sysctl by its name.
func (c *Control) SetSysctl(name, value string) error {
	return c.change(func(*service.Registry) error { return c.sysctl.Set(name, value) })
}

// Refresh has the workers see the network as it is now.
func (c *Control) Refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.follow()
}

// Estimate, every EstimatePeriod, brings the shown counts and rates up to date. It
// reports false, and does not, where the operator wants no estimation.
func (c *Control) Estimate() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sysctl.RunEstimation {
		c.registry.Estimate()
	}
	return c.sysctl.RunEstimation
}

// Defend, every DefencePeriod, takes measures against a full table. now is on
// the workers' clock, as for Collect.
func (c *Control) Defend(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.guard.Tick(now)
}

// Collect, every CollectPeriod, forgets removed servers that nothing refers to.
func (c *Control) Collect(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.registry.Collect(now) {
		c.follow()
	}
}
