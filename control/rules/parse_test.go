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

func parse(line string) (rules.Command, error) {
	return rules.Parse(strings.Fields(line), rulestest.Book{})
}

func tcp(addr string, port uint16) service.Key {
	return service.Key{Addr: packet.MustAddr(addr), Port: port, Proto: packet.ProtoTCP}
}

func udp(addr string, port uint16) service.Key {
	return service.Key{Addr: packet.MustAddr(addr), Port: port, Proto: packet.ProtoUDP}
}

func sctp(addr string, port uint16) service.Key {
	return service.Key{Addr: packet.MustAddr(addr), Port: port, Proto: packet.ProtoSCTP}
}

func mark(n uint32) service.Key { return service.Key{Mark: n} }

// with is the command for a service that is given by its key alone, or that
// change changes.
func with(v rules.Verb, k service.Key, change ...func(*rules.Command)) rules.Command {
	c := rules.Command{Verb: v, Service: service.Spec{Key: k}}
	for _, f := range change {
		f(&c)
	}
	return c
}

func addService(k service.Key, scheduler string, change ...func(*service.Spec)) rules.Command {
	return with(rules.AddService, k, func(c *rules.Command) {
		c.Service.Scheduler = scheduler
		for _, f := range change {
			f(&c.Service)
		}
	})
}

func flagged(k service.Key, scheduler string, flags sched.Flags) rules.Command {
	return addService(k, scheduler, func(s *service.Spec) { s.Flags = flags })
}

func persistent(k service.Key, seconds, hostMask uint32) rules.Command {
	return addService(k, "wlc", func(s *service.Spec) { s.Persistent, s.HostMask = seconds, hostMask })
}

func server(addr string, port uint16, m service.Method, weight int32) service.ServerSpec {
	return service.ServerSpec{Addr: packet.MustAddr(addr), Port: port, Method: m, Weight: weight}
}

func addServer(k service.Key, addr string, port uint16, m service.Method, weight int32) rules.Command {
	return with(rules.AddServer, k, func(c *rules.Command) { c.Server = server(addr, port, m, weight) })
}

func listing(l rules.Listing) rules.Command {
	return rules.Command{Verb: rules.List, Listing: l}
}

func TestParse_ReadsCommandsAsPoptDoes(t *testing.T) {
	vip := tcp("192.0.2.10", 80)
	for _, c := range []struct {
		line string
		want rules.Command
	}{
		{"-A -t 192.0.2.10:80", addService(vip, "wlc")},
		{"-A -t 192.0.2.10:80 -s rr", addService(vip, "rr")},
		{"-At 192.0.2.10:80 -swrr", addService(vip, "wrr")},
		{"-At192.0.2.10:80 -s=lc", addService(vip, "lc")},
		{"-A -s rr -t 192.0.2.10:80", addService(vip, "rr")},
		{"--add-service --tcp-service 192.0.2.10:80 --scheduler=rr", addService(vip, "rr")},
		{"-A -u 192.0.2.10:53", addService(udp("192.0.2.10", 53), "wlc")},
		{"-A --udp-service=192.0.2.10:53", addService(udp("192.0.2.10", 53), "wlc")},
		{"-A -t vip.example:http", addService(vip, "wlc")},
		{"-A -u vip.example:syslog", addService(udp("192.0.2.10", 514), "wlc")},

		{"-A -t 192.0.2.10:80 -b sh-port,sh-fallback -s sh", flagged(vip, "sh", sched.Fallback|sched.Port)},
		{"-A -t 192.0.2.10:80 -s mh -bmh-port", flagged(vip, "mh", sched.Port)},
		{"-A -t 192.0.2.10:80 -s mh --sched-flags mh-fallback", flagged(vip, "mh", sched.Fallback)},
		{"-A -t 192.0.2.10:80 -s rr -b flag-2,flag-1,flag-3", flagged(vip, "rr", sched.Fallback|sched.Port|sched.Third)},

		{"-A -t 192.0.2.10:80 -s sh -b ,sh-port,", flagged(vip, "sh", sched.Port)},
		{"-A -t 192.0.2.10:80 -p 300", persistent(vip, 300, 0)},
		{"-A -t 192.0.2.10:80 -p", persistent(vip, 360, 0)},
		{"-A -p -t 192.0.2.10:80", persistent(vip, 360, 0)},
		{"-A -t 192.0.2.10:80 -p2678400 -M 255.255.255.0", persistent(vip, 2678400, 0xff)},
		{"-A -t 192.0.2.10:80 --persistent=1 --netmask=0.0.0.0", persistent(vip, 1, 0xffffffff)},
		{"-A -t 192.0.2.10:80 -M 255.255.255.0", persistent(vip, 0, 0)},
		{"-A -t 192.0.2.10 -p 10", persistent(tcp("192.0.2.10", 0), 10, 0)},
		{"-A -t 192.0.2.10:80 -s none", addService(vip, "none")},
		{"-A -t 192.0.2.10:80 -s twos", addService(vip, "twos")},
		{"-A -f 4294967295", addService(mark(4294967295), "wlc")},
		{"-A --fwmark-service 3 -p 5", persistent(mark(3), 5, 0)},
		{"-A -f 3 -o", addService(mark(3), "wlc", func(s *service.Spec) { s.OnePacket = true })},
		{"-A -u 192.0.2.10:53 -o", addService(udp("192.0.2.10", 53), "wlc", func(s *service.Spec) { s.OnePacket = true })},
		{"-A -u 192.0.2.10:5060 --pe sip", addService(udp("192.0.2.10", 5060), "wlc", func(s *service.Spec) { s.Engine = "sip" })},
		{"-A --sctp-service 192.0.2.10:diameter", addService(sctp("192.0.2.10", 3868), "wlc")},
		{"-A -t 192.0.2.10:80 --", addService(vip, "wlc")},
		{"-A -t 192.0.2.10:80 --sort --sort", addService(vip, "wlc")},
		{"-E -t 192.0.2.10:80", with(rules.EditService, vip, func(c *rules.Command) { c.Service.Scheduler = "wlc" })},
		{"-D -t 192.0.2.10", with(rules.DeleteService, tcp("192.0.2.10", 0))},
		{"-D -f 7", with(rules.DeleteService, mark(7))},
		{"-C", with(rules.Clear, service.Key{})},
		{"-R", with(rules.Restore, service.Key{})},
		{"-S", with(rules.Save, service.Key{})},
		{"-Z", with(rules.Zero, service.Key{})},
		{"-Z -u 192.0.2.10:53", with(rules.Zero, udp("192.0.2.10", 53))},
		{"--set 1 0 2678400", rules.Command{Verb: rules.SetTimeouts, Timeouts: service.Timeouts{TCP: 1, UDP: 2678400}}},
		{"-h -k whatever", rules.Command{Verb: rules.Help}},
		{"-v", rules.Command{Verb: rules.Version}},

		{"-a -t 192.0.2.10:80 -r 10.0.0.11", addServer(vip, "10.0.0.11", 80, service.DR, 1)},
		{"-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 3", addServer(vip, "10.0.0.11", 8080, service.NAT, 3)},
		{"-a -t 192.0.2.10:80 -r 10.0.0.11 -m", addServer(vip, "10.0.0.11", 80, service.NAT, 1)},
		{"-a -m -r 10.0.0.11 -t 192.0.2.10:80", addServer(vip, "10.0.0.11", 80, service.NAT, 1)},
		{"-a -t 192.0.2.10:80 -r 10.0.0.11:0 -m", addServer(vip, "10.0.0.11", 80, service.NAT, 1)},
		{"-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -g", addServer(vip, "10.0.0.11", 80, service.DR, 1)},
		{"-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -i", addServer(vip, "10.0.0.11", 80, service.TUN, 1)},
		{"-amt 192.0.2.10:80 -r10.0.0.11:http -w0", addServer(vip, "10.0.0.11", 80, service.NAT, 0)},
		{"--add-server --tcp-service=192.0.2.10:80 --real-server=10.0.0.11 --masquerading --weight=2147483647",
			addServer(vip, "10.0.0.11", 80, service.NAT, 2147483647)},
		{"-a -t 192.0.2.10:80 -r 10.0.0.11 --ipip", addServer(vip, "10.0.0.11", 80, service.TUN, 1)},
		{"-a -t 192.0.2.10:80 -r 10.0.0.11 --gatewaying", addServer(vip, "10.0.0.11", 80, service.DR, 1)},
		{"-a -t 192.0.2.10:80 -r 127.0.0.1", addServer(vip, "127.0.0.1", 80, service.DR, 1)},
		{"-a -f 1 -r 10.0.0.11:8080", addServer(mark(1), "10.0.0.11", 8080, service.DR, 1)},
		{"-a -f 1 -r 10.0.0.11 -m", addServer(mark(1), "10.0.0.11", 0, service.NAT, 1)},
		{"-a -f 1 -r 10.0.0.11:http -i", addServer(mark(1), "10.0.0.11", 80, service.TUN, 1)},
		{"-a -t 192.0.2.10:80 -r 10.0.0.11 -i --tun-type ipip", addServer(vip, "10.0.0.11", 80, service.TUN, 1)},
		{"-a -t 192.0.2.10:80 -r 10.0.0.11 -x 2147483647 -y 5", with(rules.AddServer, vip, func(c *rules.Command) {
			c.Server = server("10.0.0.11", 80, service.DR, 1)
			c.Server.Upper, c.Server.Lower = 2147483647, 5
		})},
		{"-e -t 192.0.2.10:80 -r 10.0.0.11:81", with(rules.EditServer, vip, func(c *rules.Command) {
			c.Server = server("10.0.0.11", 80, service.DR, 1)
		})},
		{"-d -t 192.0.2.10:80 -r 10.0.0.11:81", with(rules.DeleteServer, vip, func(c *rules.Command) {
			c.Server = server("10.0.0.11", 81, 0, 0)
		})},
		{"-d -t 192.0.2.10:80 -r 10.0.0.11", with(rules.DeleteServer, vip, func(c *rules.Command) {
			c.Server = server("10.0.0.11", 80, 0, 0)
		})},

		{"", listing(rules.Listing{})},
		{"-l", listing(rules.Listing{})},
		{"-Ln -t 192.0.2.10:80", with(rules.List, vip, func(c *rules.Command) { c.Listing.Numeric = true })},
		{"-LnX --stats --nosort", listing(rules.Listing{View: rules.Counts, Numeric: true, Exact: true, Unsorted: true})},
		{"-L --sort --tun-info --persistent-conn --thresholds --rate", listing(rules.Listing{View: rules.Rates})},
		{"-L --tun-info --persistent-conn --thresholds", listing(rules.Listing{View: rules.Thresholds})},
		{"-L --tun-info --persistent-conn", listing(rules.Listing{View: rules.Persistence})},
		{"-L --tun-info --exact", listing(rules.Listing{View: rules.Tunnels, Exact: true})},
		{"-Lcn", listing(rules.Listing{View: rules.Connections, Numeric: true})},
		{"-Lc --persistent-conn", listing(rules.Listing{View: rules.ConnectionData})},
		{"-L --timeout --tun-info", listing(rules.Listing{View: rules.TimeoutValues})},
		{"-L --daemon", listing(rules.Listing{View: rules.Daemons})},
	} {
		got, err := parse(c.line)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.line, diff)
		}
	}
}

func TestIsRule_TellsRulesFromFlags(t *testing.T) {
	for word, want := range map[string]bool{
		"-A": true, "-At": true, "-p": true, "--add-service": true, "--add-server": true,
		"--clear": true, "--set": true, "--start-daemon": true,
		"--interface": false, "--timeouts": false, "--help": false, "--tcp-service": false,
		"-": false, "--": false, "eth0": false, "": false,
	} {
		if got := rules.IsRule(word); got != want {
			t.Errorf("IsRule(%q) = %v, want %v", word, got, want)
		}
	}
}
