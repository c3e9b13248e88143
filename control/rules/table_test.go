package rules_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control/rules"
	"director/control/rules/rulestest"
	"director/packet"
	"director/sched"
	"director/service"
)

// apply runs rules, one per line, against an empty table and returns the error
// of the last one. The others must succeed.
func apply(t *testing.T, text string) (*rules.Table, error) {
	t.Helper()
	table := rules.NewTable()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var err error
	for _, line := range lines {
		if err != nil {
			t.Fatalf("an early line failed: %v", err)
		}
		c, perr := parse(line)
		if perr != nil {
			t.Fatalf("%s: %v", line, perr)
		}
		err = table.Apply(c)
	}
	return table, err
}

func limited(s service.ServerSpec, upper, lower uint32) service.ServerSpec {
	s.Upper, s.Lower = upper, lower
	return s
}

func tunnelled(addr string, t packet.Tunnel) service.ServerSpec {
	s := server(addr, 80, service.TUN, 1)
	s.Tunnel = t
	return s
}

func TestTable_KeepsTheOrderOfAdding(t *testing.T) {
	table, err := apply(t, rulestest.Saved)
	if err != nil {
		t.Fatal(err)
	}
	want := []service.Spec{
		{Key: tcp("192.0.2.10", 80), Scheduler: "wlc", Servers: []service.ServerSpec{
			server("10.0.0.12", 8080, service.NAT, 2),
			server("10.0.0.11", 8080, service.NAT, 1),
			server("10.0.0.11", 8081, service.NAT, 0),
		}},
		{Key: udp("192.0.2.10", 80), Scheduler: "rr", Servers: []service.ServerSpec{
			server("10.0.0.13", 80, service.TUN, 2147483647),
			tunnelled("10.0.0.14", packet.Tunnel{Encap: packet.GUE, Port: 6080}),
			limited(tunnelled("10.0.0.15", packet.Tunnel{Encap: packet.GUE, Port: 65535, Checksum: packet.WithChecksum}), 9, 0),
			tunnelled("10.0.0.16", packet.Tunnel{Encap: packet.GUE, Port: 1, Checksum: packet.WithRemoteChecksum}),
			tunnelled("10.0.0.17", packet.Tunnel{Encap: packet.GRE}),
			tunnelled("10.0.0.18", packet.Tunnel{Encap: packet.GRE, Checksum: packet.WithChecksum}),
		}},
		{Key: tcp("192.0.2.11", 443), Scheduler: "wrr", Servers: []service.ServerSpec{
			server("192.0.2.11", 443, service.DR, 1),
		}},
		{Key: tcp("192.0.2.12", 443), Scheduler: "lc"},
		{Key: tcp("192.0.2.13", 80), Scheduler: "sh", Flags: sched.Fallback | sched.Port},
		{Key: tcp("192.0.2.14", 80), Scheduler: "mh", Flags: sched.Port | sched.Third},
		{Key: tcp("192.0.2.15", 80), Scheduler: "rr", Flags: sched.Fallback | sched.Port},
		{Key: tcp("192.0.2.16", 0), Scheduler: "none", Persistent: 50, HostMask: 0xff, Servers: []service.ServerSpec{
			limited(server("10.0.0.11", 0, service.NAT, 1), 100, 75),
			limited(server("10.0.0.12", 0, service.TUN, 1), 100, 0),
		}},
		{Key: udp("192.0.2.16", 5060), Scheduler: "wlc", Flags: sched.Third, Persistent: 360, HostMask: 0xffffffff,
			Engine: "sip", OnePacket: true},
		{Key: sctp("192.0.2.16", 80), Scheduler: "wlc"},
		{Key: mark(4294967295), Scheduler: "rr", Persistent: 100, Servers: []service.ServerSpec{
			server("10.0.0.11", 8080, service.DR, 1),
			server("10.0.0.11", 0, service.NAT, 1),
		}},
	}
	if diff := cmp.Diff(want, table.Services()); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
}

func TestWrite_PrintsWhatSavePrints(t *testing.T) {
	table, err := apply(t, rulestest.Saved)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := rules.Write(&b, table.Services()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rulestest.Saved, b.String()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestTable_RefusesWhatIPVSRefuses(t *testing.T) {
	const service = "-A -t 192.0.2.10:80\n"
	for _, c := range []struct{ rules, want string }{
		{service + "-A -t 192.0.2.10:80 -s rr", "-t 192.0.2.10:80: Service already exists"},
		{service + "-a -u 192.0.2.10:80 -r 10.0.0.11",
			"-u 192.0.2.10:80 -r 10.0.0.11:80: Service not defined"},
		{service + "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m\n-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 7",
			"-t 192.0.2.10:80 -r 10.0.0.11:8080: Destination already exists"},
		// Both ports are forced to 80.
		{service + "-a -t 192.0.2.10:80 -r 10.0.0.11:81\n-a -t 192.0.2.10:80 -r 10.0.0.11:82 -i",
			"-t 192.0.2.10:80 -r 10.0.0.11:80: Destination already exists"},
		{service + "-a -t 192.0.2.10:80 -r 192.0.2.10:8080 -m",
			"-t 192.0.2.10:80 -r 192.0.2.10:8080: this real server is the director itself: only -g forwards to it"},
		{service + "-A -t 192.0.2.11:80\n-a -t 192.0.2.10:80 -r 192.0.2.11 -i",
			"-t 192.0.2.10:80 -r 192.0.2.11:80: this real server is the director itself: only -g forwards to it"},
		{service + "-a -t 192.0.2.10:80 -r 127.0.0.1 -m",
			"-t 192.0.2.10:80 -r 127.0.0.1:80: this real server is the director itself: only -g forwards to it"},
		{service + "-a -t 192.0.2.10:80 -r 10.0.0.11 -m\n-A -t 10.0.0.11:80",
			"-t 10.0.0.11:80: this address is a real server: only -g forwards to an address of the director"},
		{service + "-a -t 192.0.2.10:80 -r 10.0.0.11 -x 5 -y 6",
			"-t 192.0.2.10:80 -r 10.0.0.11:80: lower threshold 6 must not be more than the upper one, 5"},
		{service + "-a -f 3 -r 10.0.0.11", "-f 3 -r 10.0.0.11:0: Service not defined"},
		{"-A -f 3\n-A -f 3", "-f 3: Service already exists"},
		{service + "-A --sctp-service 192.0.2.10:80\n-A --sctp-service 192.0.2.10:80 -s rr",
			"--sctp-service 192.0.2.10:80: Service already exists"},
		{service + "-A -t 127.0.0.1:80",
			"-t 127.0.0.1:80: no frame arrives for a loopback address: use one that clients can reach"},
		{service + "--clear", "--clear: only -A and -a may stand in a flags file"},
		{service + "-Ln", "--list: only -A and -a may stand in a flags file"},
		{service + "-e -t 192.0.2.10:80 -r 10.0.0.11", "--edit-server: only -A and -a may stand in a flags file"},
	} {
		before, _ := apply(t, c.rules[:strings.LastIndex(c.rules, "\n")])
		table, err := apply(t, c.rules)
		if err == nil {
			t.Errorf("%s\naccepted, want %q", c.rules, c.want)
			continue
		}
		if got := err.Error(); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.rules, got, c.want)
		}
		if diff := cmp.Diff(before.Services(), table.Services()); diff != "" {
			t.Errorf("%s\nthe refused line changed the table (-want +got):\n%s", c.rules, diff)
		}
	}
}

func TestTable_BoundsTheServersOfAHashTable(t *testing.T) {
	table := rules.NewTable()
	k := tcp("192.0.2.10", 80)
	if err := table.Apply(addService(k, "mh")); err != nil {
		t.Fatal(err)
	}
	var err error
	for n := range 4094 {
		if err != nil {
			t.Fatalf("server %d of 4093: %v", n, err)
		}
		c := addServer(k, "10.0.0.1", uint16(1+n), service.NAT, 1)
		err = table.Apply(c)
	}
	want := "-t 192.0.2.10:80 -r 10.0.0.1:4094: the scheduler mh takes at most 4093 servers"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// FuzzParse feeds single rules. Whatever is accepted must print as a rule that
// is accepted again and means the same.
func FuzzParse(f *testing.F) {
	for _, line := range strings.Split(rulestest.Saved, "\n") {
		f.Add(line)
	}
	f.Add("-A -t 192.0.2.13:80 -b flag-3,sh-port,flag-1 -s sh")
	f.Add("-E -f 3 -6 -p -M 24 --pe=sip")
	f.Add("-a -f 3 -r 10.0.0.1:http -x3 -y 4 -i --tun-type gue --tun-port 6080 --tun-csum")
	f.Add("--set 1 2 3")
	f.Add("--start-daemon=master --mcast-group 224.0.0.81")
	f.Add("-amt 192.0.2.10:http -r[::1]:3 -w=-3 --tun-type=gue -- -")
	f.Fuzz(func(t *testing.T, line string) {
		c, err := parse(line)
		if err != nil {
			return
		}
		table := rules.NewTable()
		if c.Verb == rules.AddServer {
			var b strings.Builder
			spec := service.Spec{Key: c.Service.Key, Scheduler: "wlc", Persistent: 360}
			if err := rules.Write(&b, []service.Spec{spec}); err != nil {
				t.Fatal(err)
			}
			add, err := parse(b.String())
			if err != nil {
				t.Fatalf("%q: %v", b.String(), err)
			}
			if table.Apply(add) != nil {
				return
			}
		}
		if table.Apply(c) != nil {
			return
		}
		var b strings.Builder
		if err := rules.Write(&b, table.Services()); err != nil {
			t.Fatal(err)
		}
		again, err := apply(t, b.String())
		if err != nil {
			t.Fatalf("%q printed as %q: %v", line, b.String(), err)
		}
		if diff := cmp.Diff(table.Services(), again.Services()); diff != "" {
			t.Errorf("%q printed as %q (-first +second):\n%s", line, b.String(), diff)
		}
	})
}
