package control

import (
	"director/dataplane/sysctl"
	"director/service"
)

// Merge returns what the services are to be when a configuration that said base
// says next from now on, while what runs has been changed otherwise: where running
// differs from base it stays as it is, attribute by attribute, elsewhere it follows
// the configuration.
func Merge(base, next, running []service.Spec) []service.Spec {
	was, is := byKey(base), byKey(running)
	var merged []service.Spec
	for i := range running {
		r := &running[i]
		b, n := was[r.Key], find(next, r.Key)
		if n == nil && b != nil && sameService(b, r) {
			continue // removed from the configuration, and not touched since
		}
		merged = append(merged, mergeService(b, n, r))
	}
	for _, n := range next {
		if is[n.Key] == nil && was[n.Key] == nil { // else it was removed while running
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

// mergeService merges one service that runs. b or n is nil where the configuration
// did not, or does not, have it.
func mergeService(b, n, r *service.Spec) service.Spec {
	m := *r
	if b == nil || n == nil {
		return m
	}
	// What has a meaning only together goes together.
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

// merge is the merge of one attribute.
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
