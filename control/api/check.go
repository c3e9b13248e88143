package api

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"director/control/ipvsadm"
	"director/packet"
	"director/sched"
	"director/service"
)

// maxPersistent is the longest persistence in seconds, ipvsadm's: 31 days.
const maxPersistent = 31 * 24 * 3600

// check refuses what ipvsadm refuses of a service before it asks its kernel.
func check(s *service.Spec) error {
	switch err := ipvsadm.CheckUnicast(s.Addr.Netip()); {
	case s.Mark == 0 && err != nil:
		return err
	case s.Mark == 0 && s.Addr.Netip().IsLoopback():
		return errors.New("no frame arrives for a loopback address: use one that clients can reach")
	case s.Mark == 0 && s.Port == 0 && s.Persistent == 0:
		return errors.New("port 0, which is every port, is for persistent services only")
	case s.Persistent > maxPersistent:
		return fmt.Errorf("persistent %d: want at most %d seconds", s.Persistent, maxPersistent)
	case s.OnePacket && s.Mark == 0 && s.Proto != packet.ProtoUDP:
		return errors.New("one_packet is for UDP only")
	case !slices.Contains(sched.Names(), s.Scheduler):
		return fmt.Errorf("scheduler %q: want one of %s", s.Scheduler, strings.Join(sched.Names(), ", "))
	case s.Engine != "" && s.Engine != "sip":
		return fmt.Errorf("engine %q: want sip", s.Engine)
	case s.Persistent == 0:
		s.HostMask = 0 // it means nothing then
	}
	return nil
}
