package control

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"director/control/rules"
	"director/dataplane/sysctl"
	"director/service"
)

// Drift is everything in which what runs differs from the configuration that was loaded
// last. It consists of the changes that were made at run time. The journal keeps it over a
// restart, so its fields have JSON names that must not change.
type Drift struct {
	Services []ServiceDrift   `json:"services,omitempty"`
	Timeouts *TimeoutDrift    `json:"timeouts,omitempty"`
	Sysctls  map[string]Value `json:"sysctls,omitempty"` // by name
}

// ServiceDrift is a service that differs. In Loaded or Running it is nil if it does not
// exist there. If both are nil, the service does not differ any more: see Drift.Add.
type ServiceDrift struct {
	Key     service.Key
	Loaded  *service.Spec `json:",omitempty"`
	Running *service.Spec `json:",omitempty"`
}

// TimeoutDrift contains the time-outs, of which at least one differs unless Drift.Add says
// otherwise.
type TimeoutDrift struct{ Loaded, Running service.Timeouts }

// Value is a sysctl as text. If both texts are equal, it does not differ any more.
type Value struct{ Loaded, Running string }

// Empty reports whether nothing differs.
func (d *Drift) Empty() bool {
	return len(d.Services) == 0 && d.Timeouts == nil && len(d.Sysctls) == 0
}

// size returns the number of entries.
func (d *Drift) size() int {
	n := len(d.Services) + len(d.Sysctls)
	if d.Timeouts != nil {
		n++
	}
	return n
}

// Add adds later changes to d, in their order. A later entry replaces an earlier one for the
// same service or sysctl. An entry that does not differ removes the earlier one.
func (d *Drift) Add(later ...Drift) {
	at := make(map[service.Key]int, len(d.Services))
	for i := range d.Services {
		at[d.Services[i].Key] = i
	}
	for i := range later {
		for _, s := range later[i].Services {
			if i, ok := at[s.Key]; ok {
				d.Services[i] = s
				continue
			}
			at[s.Key] = len(d.Services)
			d.Services = append(d.Services, s)
		}
		d.addSettings(&later[i])
	}
	d.Services = slices.DeleteFunc(d.Services, func(s ServiceDrift) bool { return s.Loaded == nil && s.Running == nil })
}

// addSettings does the part of Add that is not about services.
func (d *Drift) addSettings(later *Drift) {
	if t := later.Timeouts; t != nil {
		if d.Timeouts = t; t.Loaded == t.Running {
			d.Timeouts = nil
		}
	}
	for name, v := range later.Sysctls {
		if d.Sysctls == nil {
			d.Sysctls = map[string]Value{}
		}
		if d.Sysctls[name] = v; v.Loaded == v.Running {
			delete(d.Sysctls, name)
		}
	}
}

// Forget removes the entry of a service. It reports whether there was one.
func (d *Drift) Forget(k service.Key) bool {
	n := len(d.Services)
	d.Services = slices.DeleteFunc(d.Services, func(s ServiceDrift) bool { return s.Key == k })
	return len(d.Services) < n
}

// RemoveRefused removes the sysctls with values that this version refuses. A journal of
// another version may contain some. It returns an error for each.
func (d *Drift) RemoveRefused() (refused []error) {
	for _, name := range slices.Sorted(maps.Keys(d.Sysctls)) {
		var any sysctl.Values
		if err := any.Set(name, d.Sysctls[name].Running); err != nil {
			refused = append(refused, fmt.Errorf("%s=%s: %w", name, d.Sysctls[name].Running, err))
			delete(d.Sysctls, name)
		}
	}
	return refused
}

// Onto returns the settings after next was loaded. They are those of next, except for the
// attributes that differ in d: those keep their running value.
func (d *Drift) Onto(next Settings) Settings {
	merged := Settings{mergeServices(d.Services, next.Services), next.Timeouts, next.Sysctl}
	if t := d.Timeouts; t != nil {
		merged.Timeouts = service.Timeouts{
			TCP:    merge(t.Loaded.TCP, next.Timeouts.TCP, t.Running.TCP),
			TCPFIN: merge(t.Loaded.TCPFIN, next.Timeouts.TCPFIN, t.Running.TCPFIN),
			UDP:    merge(t.Loaded.UDP, next.Timeouts.UDP, t.Running.UDP),
		}
	}
	for name, v := range d.Sysctls {
		_ = merged.Sysctl.Set(name, v.Running) // it runs, or RemoveRefused has accepted it
	}
	return merged
}

// servicesDrift returns the services that differ, in the order of running. Those that do
// not run come last.
func servicesDrift(loaded, running []service.Spec) (all []ServiceDrift) {
	was, is := byKey(loaded), byKey(running)
	for i := range running {
		r := &running[i]
		if l := was[r.Key]; l == nil || !sameService(l, r) {
			all = append(all, ServiceDrift{r.Key, l, r})
		}
	}
	for i := range loaded {
		if l := &loaded[i]; is[l.Key] == nil {
			all = append(all, ServiceDrift{l.Key, l, nil})
		}
	}
	return all
}

// sysctlsDrift returns the sysctls that differ.
func sysctlsDrift(loaded, running *sysctl.Values) map[string]Value {
	if *loaded == *running {
		return nil
	}
	all := map[string]Value{}
	for _, name := range sysctl.Names() {
		l, _ := loaded.Get(name)
		r, _ := running.Get(name)
		if l != r {
			all[name] = Value{l, r}
		}
	}
	return all
}

// Difference is one rule or setting that differs between two states, as lines of a flags
// file.
type Difference struct {
	// Change is what leads from one to the other: the name of an OpKind, "timeouts" or
	// "sysctl".
	Change string `json:"change"`
	// From and To are the lines before and after. A service that is added or deleted as
	// a whole has its servers below it. From is empty if something was added, To if
	// something was deleted.
	From []string `json:"from"`
	To   []string `json:"to"`
}

// Differences returns what differs, in lines: From is the loaded configuration, To is what
// runs.
func (d *Drift) Differences() []Difference {
	all := []Difference{}
	for i := range d.Services {
		all = append(all, serviceDifferences(d.Services[i].Loaded, d.Services[i].Running)...)
	}
	if t := d.Timeouts; t != nil {
		all = append(all, timeoutDifference(t.Loaded, t.Running))
	}
	for _, name := range slices.Sorted(maps.Keys(d.Sysctls)) {
		all = append(all, sysctlDifference(name, d.Sysctls[name]))
	}
	return all
}

// Compare returns the differences between two lists of services.
func Compare(from, to []service.Spec) (all []Difference) {
	for _, d := range servicesDrift(from, to) {
		all = append(all, serviceDifferences(d.Loaded, d.Running)...)
	}
	return all
}

// serviceDifferences compares a service before and after a change. nil means that it does
// not exist.
func serviceDifferences(before, after *service.Spec) (all []Difference) {
	switch {
	case before == nil && after == nil:
		return nil
	case before == nil:
		return []Difference{{AddService.String(), []string{}, ruleLines(after)}}
	case after == nil:
		return []Difference{{DeleteService.String(), ruleLines(before), []string{}}}
	}
	if from, to := serviceLine(before), serviceLine(after); from != to {
		all = append(all, Difference{EditService.String(), []string{from}, []string{to}})
	}
	old, wanted := byPlace(before.Servers), byPlace(after.Servers)
	line := func(s *service.ServerSpec) []string { return []string{serverLine(after, s)} }
	for i := range after.Servers {
		s := &after.Servers[i]
		switch was := old[place{s.Addr, s.Port}]; {
		case was == nil:
			all = append(all, Difference{AddServer.String(), []string{}, line(s)})
		case *was != *s:
			all = append(all, Difference{EditServer.String(), line(was), line(s)})
		}
	}
	for i := range before.Servers {
		if s := &before.Servers[i]; wanted[place{s.Addr, s.Port}] == nil {
			all = append(all, Difference{DeleteServer.String(), line(s), []string{}})
		}
	}
	return all
}

func timeoutDifference(from, to service.Timeouts) Difference {
	line := func(t service.Timeouts) []string {
		return []string{fmt.Sprintf("--timeouts=%d,%d,%d", t.TCP, t.TCPFIN, t.UDP)}
	}
	return Difference{"timeouts", line(from), line(to)}
}

func sysctlDifference(name string, v Value) Difference {
	flag := "--" + strings.ReplaceAll(name, "_", "-") + "="
	return Difference{"sysctl", []string{flag + v.Loaded}, []string{flag + v.Running}}
}

// ruleLines returns the rules that make a service with its servers.
func ruleLines(s *service.Spec) []string {
	lines := []string{serviceLine(s)}
	for i := range s.Servers {
		lines = append(lines, serverLine(s, &s.Servers[i]))
	}
	return lines
}

func serviceLine(s *service.Spec) string {
	var b strings.Builder
	rules.WriteService(&b, s, nil)
	return strings.TrimSpace(b.String())
}

func serverLine(of *service.Spec, s *service.ServerSpec) string {
	var b strings.Builder
	rules.WriteServer(&b, of.Key, s, nil, true)
	return strings.TrimSpace(b.String())
}
