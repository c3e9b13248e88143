package ipvsadm_test

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control"
	"director/control/ipvsadm"
	"director/packet"
	"director/sched"
	"director/service"
)

// book is a Resolver and a Namer that knows what the tests use.
type book struct{}

func (book) Host(name string) (netip.Addr, error) {
	switch name {
	case "vip.example":
		return netip.MustParseAddr("192.0.2.10"), nil
	case "group.example":
		return netip.MustParseAddr("224.0.0.1"), nil
	}
	return netip.Addr{}, errors.New("no such host")
}

func (book) Port(name string, proto uint8) (uint16, error) {
	switch {
	case name == "http" && proto == packet.ProtoTCP:
		return 80, nil
	case name == "syslog" && proto == packet.ProtoUDP:
		return 514, nil
	case name == "diameter" && proto == packet.ProtoSCTP:
		return 3868, nil
	}
	return 0, errors.New("no such service")
}

func (book) HostName(a netip.Addr) string {
	return map[string]string{
		"192.0.2.10": "vip.example", "10.0.0.2": "the-second-server.of-the-example", "203.0.113.1": "a-host-with-a-long-name.example",
	}[a.String()]
}

func (book) PortName(port uint16, proto uint8) string {
	switch {
	case port == 80 && proto == packet.ProtoTCP:
		return "http"
	case port == 514 && proto == packet.ProtoUDP:
		return "syslog"
	}
	return ""
}

func parse(line string) (ipvsadm.Command, error) {
	return ipvsadm.Parse(strings.Fields(line), book{})
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
func with(v ipvsadm.Verb, k service.Key, change ...func(*ipvsadm.Command)) ipvsadm.Command {
	c := ipvsadm.Command{Verb: v, Service: service.Spec{Key: k}}
	for _, f := range change {
		f(&c)
	}
	return c
}

func addService(k service.Key, scheduler string, change ...func(*service.Spec)) ipvsadm.Command {
	return with(ipvsadm.AddService, k, func(c *ipvsadm.Command) {
		c.Service.Scheduler = scheduler
		for _, f := range change {
			f(&c.Service)
		}
	})
}

func flagged(k service.Key, scheduler string, flags sched.Flags) ipvsadm.Command {
	return addService(k, scheduler, func(s *service.Spec) { s.Flags = flags })
}

func persistent(k service.Key, seconds, hostMask uint32) ipvsadm.Command {
	return addService(k, "wlc", func(s *service.Spec) { s.Persistent, s.HostMask = seconds, hostMask })
}

func server(addr string, port uint16, m service.Method, weight int32) service.ServerSpec {
	return service.ServerSpec{Addr: packet.MustAddr(addr), Port: port, Method: m, Weight: weight}
}

func addServer(k service.Key, addr string, port uint16, m service.Method, weight int32) ipvsadm.Command {
	return with(ipvsadm.AddServer, k, func(c *ipvsadm.Command) { c.Server = server(addr, port, m, weight) })
}

func listing(l ipvsadm.Listing) ipvsadm.Command {
	return ipvsadm.Command{Verb: ipvsadm.List, Listing: l}
}

func TestParse_ReadsCommandsAsPoptDoes(t *testing.T) {
	vip := tcp("192.0.2.10", 80)
	for _, c := range []struct {
		line string
		want ipvsadm.Command
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
		{"-E -t 192.0.2.10:80", with(ipvsadm.EditService, vip, func(c *ipvsadm.Command) { c.Service.Scheduler = "wlc" })},
		{"-D -t 192.0.2.10", with(ipvsadm.DeleteService, tcp("192.0.2.10", 0))},
		{"-D -f 7", with(ipvsadm.DeleteService, mark(7))},
		{"-C", with(ipvsadm.Clear, service.Key{})},
		{"-R", with(ipvsadm.Restore, service.Key{})},
		{"-S", with(ipvsadm.Save, service.Key{})},
		{"-Z", with(ipvsadm.Zero, service.Key{})},
		{"-Z -u 192.0.2.10:53", with(ipvsadm.Zero, udp("192.0.2.10", 53))},
		{"--set 1 0 2678400", ipvsadm.Command{Verb: ipvsadm.SetTimeouts, Timeouts: control.Timeouts{TCP: 1, UDP: 2678400}}},
		{"-h -k whatever", ipvsadm.Command{Verb: ipvsadm.Help}},
		{"-v", ipvsadm.Command{Verb: ipvsadm.Version}},

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
		{"-a -t 192.0.2.10:80 -r 10.0.0.11 -x 2147483647 -y 5", with(ipvsadm.AddServer, vip, func(c *ipvsadm.Command) {
			c.Server = server("10.0.0.11", 80, service.DR, 1)
			c.Server.Upper, c.Server.Lower = 2147483647, 5
		})},
		{"-e -t 192.0.2.10:80 -r 10.0.0.11:81", with(ipvsadm.EditServer, vip, func(c *ipvsadm.Command) {
			c.Server = server("10.0.0.11", 80, service.DR, 1)
		})},
		{"-d -t 192.0.2.10:80 -r 10.0.0.11:81", with(ipvsadm.DeleteServer, vip, func(c *ipvsadm.Command) {
			c.Server = server("10.0.0.11", 81, 0, 0)
		})},
		{"-d -t 192.0.2.10:80 -r 10.0.0.11", with(ipvsadm.DeleteServer, vip, func(c *ipvsadm.Command) {
			c.Server = server("10.0.0.11", 80, 0, 0)
		})},

		{"", listing(ipvsadm.Listing{})},
		{"-l", listing(ipvsadm.Listing{})},
		{"-Ln -t 192.0.2.10:80", with(ipvsadm.List, vip, func(c *ipvsadm.Command) { c.Listing.Numeric = true })},
		{"-LnX --stats --nosort", listing(ipvsadm.Listing{View: ipvsadm.Counts, Numeric: true, Exact: true, Unsorted: true})},
		{"-L --sort --tun-info --persistent-conn --thresholds --rate", listing(ipvsadm.Listing{View: ipvsadm.Rates})},
		{"-L --tun-info --persistent-conn --thresholds", listing(ipvsadm.Listing{View: ipvsadm.Thresholds})},
		{"-L --tun-info --persistent-conn", listing(ipvsadm.Listing{View: ipvsadm.Persistence})},
		{"-L --tun-info --exact", listing(ipvsadm.Listing{View: ipvsadm.Tunnels, Exact: true})},
		{"-Lcn", listing(ipvsadm.Listing{View: ipvsadm.Connections, Numeric: true})},
		{"-Lc --persistent-conn", listing(ipvsadm.Listing{View: ipvsadm.ConnectionData})},
		{"-L --timeout --tun-info", listing(ipvsadm.Listing{View: ipvsadm.TimeoutValues})},
		{"-L --daemon", listing(ipvsadm.Listing{View: ipvsadm.Daemons})},
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
		if got := ipvsadm.IsRule(word); got != want {
			t.Errorf("IsRule(%q) = %v, want %v", word, got, want)
		}
	}
}

func TestSystem_ResolvesWithoutNetwork(t *testing.T) {
	// A minimal system has no /etc/hosts, and then no names of its own.
	if hosts, _ := os.ReadFile("/etc/hosts"); strings.Contains(string(hosts), "localhost") {
		if a, err := (ipvsadm.System{}).Host("localhost"); err != nil || a != netip.MustParseAddr("127.0.0.1") {
			t.Errorf("localhost: got %v, %v, want 127.0.0.1", a, err)
		}
	}
	if p, err := (ipvsadm.System{}).Port("domain", packet.ProtoUDP); err != nil || p != 53 {
		t.Errorf("domain over UDP: got %v, %v, want 53", p, err)
	}
	if _, err := os.Stat("/etc/services"); err != nil {
		return
	}
	if name := (ipvsadm.System{}).PortName(53, packet.ProtoUDP); name != "domain" {
		t.Errorf("UDP port 53: got %q, want domain", name)
	}
	if name := (ipvsadm.System{}).PortName(53, packet.ProtoICMP); name != "" {
		t.Errorf("port 53 of no protocol: got %q, want none", name)
	}
	if _, err := (ipvsadm.System{}).Port("no-such-service", packet.ProtoSCTP); err == nil {
		t.Error("no-such-service over SCTP: got no error")
	}
}
