package dataplane

import (
	"director/conntrack"
	"director/nat"
	"director/packet"
	"director/service"
)

// bypass forwards the packets of a firewall mark's service for which there is
// no server where they were going anyway (cache_bypass, ip_vs_bypass_xmit): the
// caches of a transparent proxy may fail. It reports whether f goes that way.
func (w *Worker) bypass(f *packet.Frame, j *job, s *service.Service) bool {
	if s.Mark == 0 || !w.view.Sysctl.CacheBypass || w.view.Hops.Local(f.Dst) || w.badSource(f.Dst) {
		return false
	}
	around := w.view.Services.Bypass()
	s.Lock()
	around.Bind(w.beginsActive(f))
	s.Unlock()
	w.connect(f, j, s, service.Choice{Server: around, Method: service.Bypass}, 0, nil)
	return true
}

// toOrigin forwards a packet to its own destination.
func (w *Worker) toOrigin(f *packet.Frame) {
	hop := w.view.Hops.Route(f.Dst)
	if w.usable(f, hop) && w.fits(f, hop.MTU) {
		nat.Direct(f)
		w.send(f, hop, f.Dst, hop.MTU)
	}
}

// isBypass reports whether c goes to no server.
func isBypass(c *conntrack.Conn) bool { return service.Method(c.Method()) == service.Bypass }
