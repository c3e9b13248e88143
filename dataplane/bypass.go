package dataplane

import (
	"director/packet"
	"director/service"
)

// bypass forwards a packet to its own destination if the service of its firewall mark
// has no server (cache_bypass, ip_vs_bypass_xmit). It serves transparent proxies
// whose caches may fail. It reports whether it handled the packet.
func (x *scheduler) bypass(f *packet.Frame, j *job, s *service.Service) bool {
	if s.Mark == 0 || !x.view.Sysctl.CacheBypass || x.view.Hops.Local(f.Dst) || x.view.badSource(f.Dst) {
		return false
	}
	none := x.view.Services.Bypass()
	s.Lock()
	none.Bind(x.tracker.first(f, service.Bypass).Active())
	s.Unlock()
	x.connect(f, j, s, service.Choice{Server: none, Method: service.Bypass}, 0, nil)
	return true
}
