package ipvsadm_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control/ipvsadm"
	"director/sched"
	"director/service"
)

// apply runs rules, one per line, against an empty table and returns the error
// of the last one. The others must succeed.
func apply(t *testing.T, rules string) (*ipvsadm.Table, error) {
	t.Helper()
	table := ipvsadm.NewTable()
	lines := strings.Split(strings.TrimSpace(rules), "\n")
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

const saved = `-A -t 192.0.2.10:80 -s wlc
-a -t 192.0.2.10:80 -r 10.0.0.12:8080 -m -w 2
-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 1
-a -t 192.0.2.10:80 -r 10.0.0.11:8081 -m -w 0
-A -u 192.0.2.10:80 -s rr
-a -u 192.0.2.10:80 -r 10.0.0.13:80 -i -w 2147483647
-A -t 192.0.2.11:443 -s wrr
-a -t 192.0.2.11:443 -r 192.0.2.11:443 -g -w 1
-A -t 192.0.2.12:443 -s lc
-A -t 192.0.2.13:80 -s sh -b sh-fallback,sh-port
-A -t 192.0.2.14:80 -s mh -b mh-port,flag-3
-A -t 192.0.2.15:80 -s rr -b flag-1,flag-2
`

func TestTable_KeepsTheOrderOfAdding(t *testing.T) {
	table, err := apply(t, saved)
	if err != nil {
		t.Fatal(err)
	}
	want := []service.Spec{
		{Key: tcp("192.0.2.10", 80), Scheduler: "wlc", Servers: []service.ServerSpec{
			addServer(service.Key{}, "10.0.0.12", 8080, service.NAT, 2).Server,
			addServer(service.Key{}, "10.0.0.11", 8080, service.NAT, 1).Server,
			addServer(service.Key{}, "10.0.0.11", 8081, service.NAT, 0).Server,
		}},
		{Key: udp("192.0.2.10", 80), Scheduler: "rr", Servers: []service.ServerSpec{
			addServer(service.Key{}, "10.0.0.13", 80, service.TUN, 2147483647).Server,
		}},
		{Key: tcp("192.0.2.11", 443), Scheduler: "wrr", Servers: []service.ServerSpec{
			addServer(service.Key{}, "192.0.2.11", 443, service.DR, 1).Server,
		}},
		{Key: tcp("192.0.2.12", 443), Scheduler: "lc"},
		{Key: tcp("192.0.2.13", 80), Scheduler: "sh", Flags: sched.Fallback | sched.Port},
		{Key: tcp("192.0.2.14", 80), Scheduler: "mh", Flags: sched.Port | sched.Third},
		{Key: tcp("192.0.2.15", 80), Scheduler: "rr", Flags: sched.Fallback | sched.Port},
	}
	if diff := cmp.Diff(want, table.Services()); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
}

func TestWrite_PrintsWhatSavePrints(t *testing.T) {
	table, err := apply(t, saved)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := ipvsadm.Write(&b, table.Services()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(saved, b.String()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestTable_RefusesWhatIPVSRefuses(t *testing.T) {
	const service = "-A -t 192.0.2.10:80\n"
	for _, c := range []struct{ rules, want string }{
		{service + "-A -t 192.0.2.10:80 -s rr", "-t 192.0.2.10:80: Service already exists"},
		{service + "-a -u 192.0.2.10:80 -r 10.0.0.11",
			"-u 192.0.2.10:80: Service not defined: add it with -A in a line before this one"},
		{service + "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m\n-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 7",
			"-t 192.0.2.10:80 -r 10.0.0.11:8080: Destination already exists"},
		// Both ports are forced to 80.
		{service + "-a -t 192.0.2.10:80 -r 10.0.0.11:81\n-a -t 192.0.2.10:80 -r 10.0.0.11:82 -i",
			"-t 192.0.2.10:80 -r 10.0.0.11:80: Destination already exists"},
		{service + "-a -t 192.0.2.10:80 -r 192.0.2.10:8080 -m",
			"-r 192.0.2.10:8080: this real server is the director itself: only -g forwards to it"},
		{service + "-A -t 192.0.2.11:80\n-a -t 192.0.2.10:80 -r 192.0.2.11 -i",
			"-r 192.0.2.11:80: this real server is the director itself: only -g forwards to it"},
		{service + "-a -t 192.0.2.10:80 -r 127.0.0.1 -m",
			"-r 127.0.0.1:80: this real server is the director itself: only -g forwards to it"},
		{service + "-a -t 192.0.2.10:80 -r 10.0.0.11 -m\n-A -t 10.0.0.11:80",
			"-t 10.0.0.11:80: this address is a real server of -t 192.0.2.10:80: only -g forwards to an address of the director"},
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
	table := ipvsadm.NewTable()
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
	want := "-t 192.0.2.10:80 -r 10.0.0.1:4094: Invalid operation: the scheduler mh takes at most 4093 servers"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// FuzzParse feeds single rules. Whatever is accepted must print as a rule that
// is accepted again and means the same.
func FuzzParse(f *testing.F) {
	for _, line := range strings.Split(saved, "\n") {
		f.Add(line)
	}
	f.Add("-A -t 192.0.2.13:80 -b flag-3,sh-port,flag-1 -s sh")
	f.Add("-amt 192.0.2.10:http -r[::1]:3 -w=-3 --tun-type=gue -- -")
	f.Fuzz(func(t *testing.T, line string) {
		c, err := parse(line)
		if err != nil {
			return
		}
		table := ipvsadm.NewTable()
		if c.Verb == ipvsadm.AddServer {
			if err := table.Apply(addService(c.Service, "wlc")); err != nil {
				t.Fatal(err)
			}
		}
		if table.Apply(c) != nil {
			return
		}
		var b strings.Builder
		if err := ipvsadm.Write(&b, table.Services()); err != nil {
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
