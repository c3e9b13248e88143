package neigh

import "net/netip"

// Egress returns the link by which the host reaches a, and whether there is one. It can
// be a link that --interface does not name. An address of the host is reached by the
// link that has it. Egress looks at every route, so only the control plane may call it.
// The control plane refuses a rule if the real server is behind an interface that the
// director does not serve.
func (s Snapshot) Egress(a netip.Addr) (Link, bool) {
	for _, l := range s.Links {
		for _, p := range l.Addrs {
			if p.Addr() == a {
				return l, true
			}
		}
	}
	var best *Route
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.Dst.Contains(a) && (best == nil || r.beats(best)) {
			best = r
		}
	}
	if best != nil {
		for _, l := range s.Links {
			if l.Index == best.Link {
				return l, true
			}
		}
	}
	return Link{}, false
}

func (r *Route) beats(o *Route) bool {
	if r.Dst.Bits() != o.Dst.Bits() {
		return r.Dst.Bits() > o.Dst.Bits()
	}
	return r.Metric < o.Metric
}
