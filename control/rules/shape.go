package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"director/packet"
	"director/sched"
	"director/service"
)

// finishService completes the service. invalid says why no director can have it;
// err is a mistake that ipvsadm finds before it asks its kernel.
func (d *draft) finishService() (invalid, err error) {
	s := &d.Service
	s.OnePacket, s.Engine, s.Scheduler = d.has(ops), d.given[engine].arg, d.given[scheduler].arg
	if s.Scheduler == "" {
		s.Scheduler = sched.Default
	}
	invalid = s.Validate()
	if e, ok := errors.AsType[*service.SpecError](invalid); ok {
		switch e.Field {
		case service.FieldPort:
			return nil, misused(d.given[serviceAddress].String(), "Zero port specified for non-persistent service",
				fmt.Errorf("give a port, as in %s, or -p", netip.AddrPortFrom(s.Addr.Netip(), 80)))
		case service.FieldOnePacket:
			return nil, misused(d.given[ops].spelled, "One-Packet Scheduling is only for UDP virtual services")
		}
	}
	if it := d.given[netmask]; isNumber(it.arg) {
		if !d.ipv6 {
			return nil, badMask(it)
		}
		if n, err := strconv.Atoi(it.arg); err != nil || n < 1 || n > 128 {
			return nil, misused(it.String(), "illegal ipv6 netmask specified")
		}
	}
	if s.Persistent == 0 { // ipvsadm lists no mask then, because it means nothing
		s.HostMask = 0
	}
	return invalid, nil
}

// finishServer completes the real server.
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
		return misused(d.given[realServer].String(), "Different address family is allowed only for tunneling servers")
	}
	return d.checkTunnel()
}

// refuse returns why this version cannot carry out the command, or nil. invalid
// is what service.Spec.Validate found.
func (d *draft) refuse(invalid error) error {
	vip, rs := d.given[serviceAddress], d.given[realServer]
	switch {
	case d.Verb == StartDaemon:
		return refused(d.Verb, ErrNoSync)
	case d.Verb == StopDaemon:
		return refused(d.Verb, ErrNoDaemon)
	case d.ipv6:
		return refused(vip, service.ErrIPv6)
	case d.server.addr.Is6():
		return refused(rs, service.ErrIPv6)
	}
	if d.Verb == AddServer || d.Verb == EditServer {
		if err := service.CheckUnicast(d.server.addr); err != nil {
			return refused(rs, err)
		}
	}
	if e, ok := errors.AsType[*service.SpecError](invalid); ok {
		return refused(d.given[optionOf(e.Field)], e)
	}
	return nil
}

// optionOf returns the option that sets a field of a service.
func optionOf(f service.Field) name {
	switch f {
	case service.FieldScheduler:
		return scheduler
	case service.FieldEngine:
		return engine
	case service.FieldPersistence:
		return persistent
	}
	return serviceAddress
}
