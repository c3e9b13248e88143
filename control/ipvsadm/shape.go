package ipvsadm

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"director/packet"
	"director/sched"
	"director/service"
)

// finishService puts a service together.
func (d *draft) finishService() error {
	s := &d.Service
	where := d.given[serviceAddress]
	if s.Port == 0 && s.Mark == 0 && s.Persistent == 0 {
		return mistake(where.String(), "Zero port specified for non-persistent service",
			fmt.Errorf("give a port, as in %s, or -p", netip.AddrPortFrom(s.Addr.Netip(), 80)))
	}
	if s.OnePacket = d.has(ops); s.OnePacket && s.Mark == 0 && s.Proto != packet.ProtoUDP {
		return mistake(d.given[ops].spelled, "One-Packet Scheduling is only for UDP virtual services")
	}
	s.Engine = d.given[engine].arg
	s.Scheduler = d.given[scheduler].arg
	if s.Scheduler == "" {
		s.Scheduler = sched.Default
	}
	if it := d.given[netmask]; isNumber(it.arg) {
		if !d.ipv6 {
			return badMask(it)
		}
		if n, err := strconv.Atoi(it.arg); err != nil || n < 1 || n > 128 {
			return mistake(it.String(), "illegal ipv6 netmask specified")
		}
	}
	if s.Persistent == 0 { // a mask means nothing then, and ipvsadm does not list it
		s.HostMask = 0
	}
	return nil
}

// finishServer puts a real server together.
func (d *draft) finishServer() error {
	k, s, e := &d.Service.Key, &d.Server, d.server
	s.Addr, s.Port = packet.AddrFrom(e.addr), e.port
	if d.Verb == DeleteServer {
		if !e.hasPort {
			s.Port = k.Port
		}
		return nil
	}
	// A packet that is not rewritten keeps its port; to IPVS the port 0 of a
	// real server means the same (ip_vs_schedule in ip_vs_core.c).
	if k.Mark == 0 && (e.port == 0 || s.Method != service.NAT) {
		s.Port = k.Port
	}
	if e.addr.Is6() != d.ipv6 && s.Method != service.TUN {
		return mistake(d.given[realServer].String(), "Different address family is allowed only for tunneling servers")
	}
	return d.checkTunnel()
}

// refuse says why this version cannot do what the command asks for.
func (d *draft) refuse() error {
	vip, rs := d.given[serviceAddress], d.given[realServer]
	switch {
	case d.Verb == StartDaemon:
		return refusal("This version has no sync daemon", "%s: this version has no sync daemon", d.Verb)
	case d.Verb == StopDaemon:
		return refusal(lineNoDaemon, "%s: %s", d.Verb, lineNoDaemon)
	case d.ipv6:
		return refusal(lineFamily, "%s: %w", vip, errIPv6)
	case d.server.addr.Is6():
		return refusal(lineFamily, "%s: %w", rs, errIPv6)
	}
	switch d.Verb {
	case AddService, EditService:
		return d.refuseService(vip)
	case AddServer, EditServer:
		if err := CheckUnicast(d.server.addr); err != nil {
			return refusal(service.ErrInvalid.Error(), "%s: illegal real server address[:port] specified: %w", rs, err)
		}
	}
	return nil
}

func (d *draft) refuseService(vip item) error {
	s := &d.Service
	if s.Mark == 0 {
		if err := CheckUnicast(s.Addr.Netip()); err != nil {
			return refusal(service.ErrInvalid.Error(), "%s: illegal virtual server address[:port] specified: %w", vip, err)
		}
		if s.Addr.Netip().IsLoopback() {
			return refusal(service.ErrInvalid.Error(),
				"%s: no frame arrives for a loopback address: use one that clients can reach", vip)
		}
	}
	if !slices.Contains(sched.Names(), s.Scheduler) {
		return refusal(lineScheduler, "-s %s: %s: use one of %s", s.Scheduler, lineScheduler, strings.Join(sched.Names(), ", "))
	}
	if s.Engine != "" && s.Engine != "sip" {
		return refusal(lineScheduler, "--pe %s: %s: use sip", s.Engine, lineScheduler)
	}
	return nil
}
