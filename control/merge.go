package control

import (
	"slices"

	"director/service"
)

// Merge returns the services after a reload. base is the old configuration, next is the
// new one, and running is the present state, which an operator may have changed. An
// attribute in which running differs from base keeps its running value. Every other
// attribute gets its value from next.
func Merge(base, next, running []service.Spec) []service.Spec {
	return mergeServices(servicesDrift(base, running), next)
}

// mergeServices is Merge for the services that differ between base and running. The result
// has the order of next. Services that are not in next come last.
func mergeServices(drift []ServiceDrift, next []service.Spec) []service.Spec {
	if len(drift) == 0 {
		return next
	}
	differs := make(map[service.Key]*ServiceDrift, len(drift))
	for i := range drift {
		differs[drift[i].Key] = &drift[i]
	}
	var merged []service.Spec
	for i := range next {
		n := &next[i]
		switch d := differs[n.Key]; {
		case d == nil:
			merged = append(merged, *n)
		case d.Running != nil: // otherwise it was removed while running
			merged = append(merged, mergeService(d.Loaded, n, d.Running))
		}
	}
	will := byKey(next)
	for i := range drift {
		if r := drift[i].Running; r != nil && will[drift[i].Key] == nil {
			merged = append(merged, *r)
		}
	}
	return merged
}

// sameService reports whether two services have the same attributes and servers,
// in any order.
func sameService(a, b *service.Spec) bool {
	if slices.Equal(a.Servers, b.Servers) { // the usual case, without the maps of Diff
		return a.SameAttributes(b)
	}
	return len(Diff([]service.Spec{*a}, []service.Spec{*b})) == 0
}

// mergeService merges one running service. b is nil if the old configuration does not
// contain it.
func mergeService(b, n, r *service.Spec) service.Spec {
	m := *r
	if b == nil {
		return m
	}
	// Attributes that depend on each other are merged together.
	if b.Scheduler == r.Scheduler && b.Flags == r.Flags {
		m.Scheduler, m.Flags = n.Scheduler, n.Flags
	}
	if b.Persistent == r.Persistent && b.HostMask == r.HostMask {
		m.Persistent, m.HostMask = n.Persistent, n.HostMask
	}
	m.OnePacket = merge(b.OnePacket, n.OnePacket, r.OnePacket)
	m.Engine = merge(b.Engine, n.Engine, r.Engine)
	m.Servers = mergeServers(b.Servers, n.Servers, r.Servers)
	return m
}

func mergeServers(base, next, running []service.ServerSpec) (merged []service.ServerSpec) {
	was, will, is := byPlace(base), byPlace(next), byPlace(running)
	for _, r := range running {
		at := place{r.Addr, r.Port}
		b, n := was[at], will[at]
		switch {
		case b != nil && n == nil && *b == r:
			continue
		case b != nil && n != nil:
			r.Weight = merge(b.Weight, n.Weight, r.Weight)
			if r.Upper == b.Upper && r.Lower == b.Lower {
				r.Upper, r.Lower = n.Upper, n.Lower
			}
			if r.Method == b.Method && r.Tunnel == b.Tunnel {
				r.Method, r.Tunnel = n.Method, n.Tunnel
			}
		}
		merged = append(merged, r)
	}
	for _, n := range next {
		at := place{n.Addr, n.Port}
		if is[at] == nil && was[at] == nil {
			merged = append(merged, n)
		}
	}
	return merged
}

// merge merges one attribute.
func merge[T comparable](base, next, running T) T {
	if running != base {
		return running
	}
	return next
}
