//go:build linux

package lab_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/internal/lab"
	"director/service"
)

func TestNew_RefusesWhatCannotBeBuilt(t *testing.T) {
	for _, c := range []lab.Config{
		{Arms: 3},
		{Arms: -1},
		{Queues: [2]int{1, -1}},
		{Clients: 101},
		{Clients: 10, Sources: 11},
		{Sources: -1},
		{Servers: -1},
	} {
		if l, err := lab.New(context.Background(), c); err == nil {
			l.Close()
			t.Errorf("New(%+v): got no error", c)
		}
	}
}

func TestLab_WritesItsRulesInTheGrammarOfIpvsadm(t *testing.T) {
	l := &lab.Lab{
		Config:  lab.Config{Arms: 2},
		VIP:     netip.MustParseAddr("192.0.2.10"),
		Servers: []*lab.Host{{Addr: netip.MustParseAddr("10.0.0.11")}, {Addr: netip.MustParseAddr("10.0.0.12")}},
	}
	if diff := cmp.Diff([]string{"--interface=eth0,eth1"}, l.Flags()); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
	for method, want := range map[service.Method][]string{
		service.NAT: {
			"-A -t 192.0.2.10:80 -s rr",
			"-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 1",
			"-a -t 192.0.2.10:80 -r 10.0.0.12:8080 -m -w 1",
		},
		service.DR: {
			"-A -t 192.0.2.10:80 -s rr",
			"-a -t 192.0.2.10:80 -r 10.0.0.11:80 -g -w 1",
			"-a -t 192.0.2.10:80 -r 10.0.0.12:80 -g -w 1",
		},
		service.TUN: {
			"-A -t 192.0.2.10:80 -s rr",
			"-a -t 192.0.2.10:80 -r 10.0.0.11:80 -i -w 1",
			"-a -t 192.0.2.10:80 -r 10.0.0.12:80 -i -w 1",
		},
	} {
		l.Method = method
		if diff := cmp.Diff(want, l.Rules("tcp", "rr", 80, 8080)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", method, diff)
		}
	}
	l.Method, l.Servers = service.NAT, nil
	if diff := cmp.Diff([]string{"-A -u 192.0.2.10:53 -s wlc"}, l.Rules("udp", "wlc", 53, 53)); diff != "" {
		t.Errorf("udp (-want +got):\n%s", diff)
	}
}
