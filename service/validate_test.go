package service_test

import (
	"errors"
	"testing"

	"director/packet"
	"director/service"
)

// Each case breaks one rule, and the error names its field. The registry applies the
// same rules when a service is added and when it is edited.
func TestSpec_NamesTheFieldThatIsWrong(t *testing.T) {
	good := empty(key(vip, 53, udp))
	for name, c := range map[string]struct {
		change func(*service.Spec)
		field  service.Field
	}{
		"no port":        {func(s *service.Spec) { s.Port = 0 }, service.FieldPort},
		"TCP one-packet": {func(s *service.Spec) { s.Proto, s.OnePacket = tcp, true }, service.FieldOnePacket},
		"too persistent": {func(s *service.Spec) { s.Persistent = service.MaxSeconds + 1 }, service.FieldPersistence},
		"IPv6":           {func(s *service.Spec) { s.Addr = packet.MustAddr("2001:db8::1") }, service.FieldFamily},
		"this network":   {func(s *service.Spec) { s.Addr = packet.MustAddr("0.1.2.3") }, service.FieldAddress},
		"multicast":      {func(s *service.Spec) { s.Addr = packet.MustAddr("224.0.0.0") }, service.FieldAddress},
		"broadcast":      {func(s *service.Spec) { s.Addr = packet.MustAddr("255.255.255.255") }, service.FieldAddress},
		"loopback":       {func(s *service.Spec) { s.Addr = packet.MustAddr("127.9.9.9") }, service.FieldLoopback},
		"scheduler":      {func(s *service.Spec) { s.Scheduler = "best" }, service.FieldScheduler},
		"no scheduler":   {func(s *service.Spec) { s.Scheduler = "" }, service.FieldScheduler},
		"engine":         {func(s *service.Spec) { s.Engine = "ftp" }, service.FieldEngine},
	} {
		bad := good
		c.change(&bad)
		r := newRegistry(t, service.Options{})
		for what, err := range map[string]error{"Validate": bad.Validate(), "AddService": r.AddService(bad)} {
			if e, ok := errors.AsType[*service.SpecError](err); !ok || e.Field != c.field {
				t.Errorf("%s: %s: %v, want field %d", name, what, err, c.field)
			}
		}
		if bad.Key == good.Key {
			r = newRegistry(t, service.Options{}, good)
			if e, ok := errors.AsType[*service.SpecError](r.EditService(bad)); !ok || e.Field != c.field {
				t.Errorf("%s: EditService: %v, want field %d", name, e, c.field)
			}
		}
	}
	for name, s := range map[string]service.Spec{
		"good": good, "mark": {Key: service.Key{Mark: 1}, Scheduler: "rr", OnePacket: true},
		"limits": {Key: key("223.255.255.255", 0, tcp), Scheduler: "none", Persistent: service.MaxSeconds, Engine: service.EngineSIP},
	} {
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServerSpec_NamesTheFieldThatIsWrong(t *testing.T) {
	k := key(vip, 80, tcp)
	gue := packet.Tunnel{Encap: packet.GUE, Port: 6080, Checksum: packet.WithRemoteChecksum}
	good := service.ServerSpec{Addr: packet.MustAddr("10.0.0.11"), Port: 80, Method: service.TUN, Tunnel: gue, Upper: 2, Lower: 2}
	for name, c := range map[string]struct {
		change func(*service.ServerSpec)
		field  service.Field
		kernel error
	}{
		"another port":       {func(s *service.ServerSpec) { s.Port = 81 }, service.FieldPort, nil},
		"IPv6":               {func(s *service.ServerSpec) { s.Addr = packet.MustAddr("2001:db8::1") }, service.FieldFamily, nil},
		"multicast":          {func(s *service.ServerSpec) { s.Addr = packet.MustAddr("239.0.0.1") }, service.FieldAddress, nil},
		"a tunnel for dr":    {func(s *service.ServerSpec) { s.Method = service.DR }, service.FieldTunnel, nil},
		"a port for gre":     {func(s *service.ServerSpec) { s.Tunnel = packet.Tunnel{Encap: packet.GRE, Port: 1} }, service.FieldTunnel, nil},
		"a checksum of ipip": {func(s *service.ServerSpec) { s.Tunnel = packet.Tunnel{Checksum: packet.WithChecksum} }, service.FieldTunnel, nil},
		"remote for gre": {func(s *service.ServerSpec) {
			s.Tunnel = packet.Tunnel{Encap: packet.GRE, Checksum: packet.WithRemoteChecksum}
		}, service.FieldTunnel, nil},
		"no port for gue": {func(s *service.ServerSpec) { s.Tunnel.Port = 0 }, service.FieldTunnelPort, service.ErrInvalid},
		"weight":          {func(s *service.ServerSpec) { s.Weight = -1 }, service.FieldWeight, service.ErrRange},
		"thresholds":      {func(s *service.ServerSpec) { s.Lower = 3 }, service.FieldThreshold, service.ErrRange},
	} {
		bad := good
		c.change(&bad)
		r := newRegistry(t, service.Options{}, empty(k))
		for what, err := range map[string]error{"Validate": bad.Validate(k), "AddServer": r.AddServer(k, bad)} {
			if e, ok := errors.AsType[*service.SpecError](err); !ok || e.Field != c.field || !errors.Is(e.Err, c.kernel) {
				t.Errorf("%s: %s: %v, want field %d and %v", name, what, err, c.field, c.kernel)
			}
		}
	}
	nat := service.ServerSpec{Addr: good.Addr, Port: 81}
	if err := errors.Join(good.Validate(k), nat.Validate(k), nat.Validate(service.Key{Mark: 1})); err != nil {
		t.Error(err)
	}
}
