package control

import (
	"maps"
	"slices"

	"director/dataplane/sysctl"
	"director/service"
)

// Origin says who makes a change.
type Origin struct {
	// Via is the way by which the change comes: "api" for the control socket, "reload" for
	// a reload of the configuration. If it is empty, nobody is told of the change.
	Via string
	// UID and PID are the user and the process of a client of the control socket.
	UID, PID int
}

// Journal keeps the drift on disk. Each method returns when its argument is safe there.
// Its methods are called one at a time. An error is theirs to report; the next call is
// Replace then.
type Journal interface {
	// Append records what has changed: see Drift.Add.
	Append(later Drift) error
	// Replace replaces all that was recorded by d.
	Replace(d Drift) error
}

// journalSlack is how many changes a journal may hold beyond the services that differ,
// before it is written anew.
const journalSlack = 4096

// baseline is what the running settings are compared with.
type baseline struct {
	services map[service.Key]*service.Spec // of the loaded configuration
	order    []service.Spec                // the same, in its order
	timeouts service.Timeouts
	sysctl   sysctl.Values
	differ   map[service.Key]bool // the services that differ

	unwritten Drift // what the journal does not contain yet
	rewrite   bool  // the journal must be written anew
	appended  int   // entries since it was
}

// setBase makes s the configuration that the running settings are compared with. running
// are the services that run. The caller holds the lock.
func (c *Control) setBase(s Settings, running []service.Spec) {
	c.base = baseline{
		services: byKey(s.Services), order: s.Services, timeouts: s.Timeouts, sysctl: s.Sysctl,
		differ: map[service.Key]bool{}, rewrite: true,
	}
	for _, d := range servicesDrift(s.Services, running) {
		c.base.differ[d.Key] = true
	}
}

// specsBefore returns the services that ops are about, as they are now, each once.
func (c *Control) specsBefore(ops []Op) (all []ServiceDrift) {
	seen := make(map[service.Key]bool, len(ops))
	for i := range ops {
		k := ops[i].Service.Key
		if seen[k] {
			continue
		}
		seen[k] = true
		all = append(all, ServiceDrift{Key: k, Loaded: c.registry.Spec(k)})
	}
	return all
}

// noteServices notes that services have changed. before contains them as they were. It
// returns the differences if somebody is named who made them. The caller holds the lock.
func (c *Control) noteServices(before []ServiceDrift) (changes []Difference) {
	for _, b := range before {
		was, now := b.Loaded, c.registry.Spec(b.Key)
		if c.audited() {
			changes = append(changes, serviceDifferences(was, now)...)
		}
		d := ServiceDrift{b.Key, c.base.services[b.Key], now}
		if d.same() {
			d.Loaded, d.Running = nil, nil
			delete(c.base.differ, b.Key)
		} else {
			c.base.differ[b.Key] = true
		}
		if c.journal != nil {
			c.base.unwritten.Services = append(c.base.unwritten.Services, d)
		}
	}
	return changes
}

// same reports whether the service runs as it was loaded.
func (d *ServiceDrift) same() bool {
	if d.Loaded == nil || d.Running == nil {
		return d.Loaded == d.Running
	}
	return sameService(d.Loaded, d.Running)
}

// setSettings sets the time-outs and sysctls and notes what has changed. It returns the
// differences as noteServices does. The caller holds the lock.
func (c *Control) setSettings(t service.Timeouts, v sysctl.Values) (changes []Difference) {
	pending := &c.base.unwritten
	if t != c.timeouts {
		changes = append(changes, timeoutDifference(c.timeouts, t))
		pending.Timeouts = &TimeoutDrift{c.base.timeouts, t}
	}
	differ := sysctlsDrift(&c.sysctl, &v)
	for _, name := range slices.Sorted(maps.Keys(differ)) {
		changes = append(changes, sysctlDifference(name, differ[name]))
		if pending.Sysctls == nil {
			pending.Sysctls = map[string]Value{}
		}
		loaded, _ := c.base.sysctl.Get(name)
		pending.Sysctls[name] = Value{loaded, differ[name].Running}
	}
	c.timeouts, c.sysctl = t, v
	if !c.audited() {
		return nil
	}
	return changes
}

// audited reports whether somebody is told of the changes that are made through c.
func (c *Control) audited() bool { return c.audit != nil && c.by.Via != "" }

// drift returns all that differs. The caller holds the lock.
func (c *Control) drift() (d Drift) {
	if len(c.base.differ) > 0 {
		d.Services = servicesDrift(c.base.order, c.registry.Specs())
	}
	if c.timeouts != c.base.timeouts {
		d.Timeouts = &TimeoutDrift{c.base.timeouts, c.timeouts}
	}
	d.Sysctls = sysctlsDrift(&c.base.sysctl, &c.sysctl)
	return d
}

// Drift returns everything in which what runs differs from the loaded configuration.
func (c *Control) Drift() Drift {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drift()
}

// Differences returns what differs from the loaded configuration, in lines, in the order of
// the services' addresses. It returns most differences at most; all if most is negative.
func (c *Control) Differences(most int) []Difference {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := []Difference{}
	for _, k := range slices.SortedFunc(maps.Keys(c.base.differ), service.Key.Compare) {
		if most >= 0 && len(all) >= most {
			return all[:most]
		}
		all = append(all, serviceDifferences(c.base.services[k], c.registry.Spec(k))...)
	}
	d := Drift{Sysctls: sysctlsDrift(&c.base.sysctl, &c.sysctl)}
	if c.timeouts != c.base.timeouts {
		d.Timeouts = &TimeoutDrift{c.base.timeouts, c.timeouts}
	}
	all = append(all, d.Differences()...)
	if most >= 0 {
		all = all[:min(most, len(all))]
	}
	return all
}

// Differing returns how many services, time-outs and sysctls differ from the loaded
// configuration. The three time-outs count as one.
func (c *Control) Differing() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.base.differ) + len(sysctlsDrift(&c.base.sysctl, &c.sysctl))
	if c.timeouts != c.base.timeouts {
		n++
	}
	return n
}

// Removed returns how many services of the loaded configuration do not run, because they
// were removed at run time.
func (c *Control) Removed() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.base.differ {
		if s, _ := c.registry.Service(k); s == nil && c.base.services[k] != nil {
			n++
		}
	}
	return n
}

// Record writes what the journal does not contain yet. When it returns, every change that
// was made before the call is in the journal, or the journal has reported an error. Each
// change calls it. Other calls repeat what has failed.
func (c *Control) Record() {
	if c.journal == nil {
		return
	}
	c.recording.Lock()
	defer c.recording.Unlock()
	c.mu.Lock()
	later := c.base.unwritten
	c.base.unwritten = Drift{}
	c.base.appended += later.size()
	whole := c.base.rewrite || c.base.appended > journalSlack+2*len(c.base.differ)
	if whole {
		later, c.base.rewrite, c.base.appended = c.drift(), false, 0
	}
	c.mu.Unlock()
	var err error
	switch {
	case whole:
		err = c.journal.Replace(later)
	case !later.Empty():
		err = c.journal.Append(later)
	}
	if err != nil {
		c.mu.Lock()
		c.base.rewrite = true
		c.mu.Unlock()
	}
}
