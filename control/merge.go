package control

import (
	"director/dataplane/sysctl"
	"director/service"
)

// Merge returns the services after a reload. base is the old configuration, next is the
// new one, and running is the present state, which an operator may have changed. An
// attribute in which running differs from base keeps its running value. Every other
// attribute gets its value from next.
func Merge(base, next, running []service.Spec) []service.Spec {
	was, is := byKey(base), byKey(running)
	var merged []service.Spec
	for i := range running {
		r := &running[i]
		b, n := was[r.Key], find(next, r.Key)
		if n == nil && b != nil && sameService(b, r) {
			continue // removed from the configuration, and not changed while running
		}
		merged = append(merged, mergeService(b, n, r))
	}
	for _, n := range next {
		if is[n.Key] == nil && was[n.Key] == nil { // otherwise it was removed while running
			merged = append(merged, n)
		}
	}
	return merged
}

func find(specs []service.Spec, k service.Key) *service.Spec {
	for i := range specs {
		if specs[i].Key == k {
			return &specs[i]
		}
	}
	return nil
}

// sameService reports whether two services have the same attributes and servers,
// in any order.
func sameService(a, b *service.Spec) bool {
	return len(Diff([]service.Spec{*a}, []service.Spec{*b})) == 0
}

// mergeService merges one running service. b is nil if the old configuration does not
// contain it, n if the new one does not.
func mergeService(b, n, r *service.Spec) service.Spec {
	m := *r
	if b == nil || n == nil {
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

// MergeTimeouts is Merge for the time-outs.
func MergeTimeouts(base, next, running service.Timeouts) service.Timeouts {
	return service.Timeouts{
		TCP:    merge(base.TCP, next.TCP, running.TCP),
		TCPFIN: merge(base.TCPFIN, next.TCPFIN, running.TCPFIN),
		UDP:    merge(base.UDP, next.UDP, running.UDP),
	}
}

// MergeSysctl is Merge for the sysctls.
func MergeSysctl(base, next, running sysctl.Values) sysctl.Values {
	merged := running
	for _, name := range sysctl.Names() {
		b, _ := base.Get(name)
		n, _ := next.Get(name)
		r, _ := running.Get(name)
		_ = merged.Set(name, merge(b, n, r)) // each is a value that Get returned
	}
	return merged
}
