package ipvsadm_test

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control/ipvsadm"
	"director/packet"
	"director/sched"
	"director/service"
)

// book is a Resolver that knows what the tests use.
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
	}
	return 0, errors.New("no such service")
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

func addService(k service.Key, scheduler string) ipvsadm.Command {
	return ipvsadm.Command{Verb: ipvsadm.AddService, Service: k, Scheduler: scheduler}
}

func flagged(k service.Key, scheduler string, flags sched.Flags) ipvsadm.Command {
	c := addService(k, scheduler)
	c.Flags = flags
	return c
}

func addServer(k service.Key, addr string, port uint16, m service.Method, weight int32) ipvsadm.Command {
	return ipvsadm.Command{Verb: ipvsadm.AddServer, Service: k,
		Server: service.ServerSpec{Addr: packet.MustAddr(addr), Port: port, Method: m, Weight: weight}}
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
	} {
		got, err := parse(c.line)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.line, diff)
		}
	}
}

func TestParse_RefusesInOneLine(t *testing.T) {
	schedulers := strings.Join(sched.Names(), ", ")
	for _, c := range []struct{ line, want string }{
		{"", "empty rule: want -A or -a"},
		{"-t 192.0.2.10:80 -A", "-t: a rule begins with -A or -a"},
		{"-C", "-C: only -A and -a may stand in a flags file"},
		{"--edit-server -t 192.0.2.10:80", "--edit-server: only -A and -a may stand in a flags file"},
		{"-Aa -t 192.0.2.10:80", "-a: multiple commands specified: give each its own line"},
		{"-A", "-A: You need to supply the 'service-address' option for the 'add-service' command"},
		{"-a -t 192.0.2.10:80", "-a: You need to supply the 'real-server' option for the 'add-server' command"},
		{"-A -t 192.0.2.10:80 -r 10.0.0.1", "-r: Illegal 'real-server' option with the 'add-service' command"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -s rr", "-s: Illegal 'scheduler' option with the 'add-server' command"},
		{"-An -t 192.0.2.10:80", "-n: Illegal 'numeric' option with the 'add-service' command"},
		{"-A -t 192.0.2.10:80 -u 192.0.2.10:80", "-u: multiple 'service-address' options specified"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -m -g", "-g: multiple 'forwarding-method' options specified"},
		{"-A -t 192.0.2.10:80 extra", "unexpected argument extra"},
		{"-A -t 192.0.2.10:80 --", "unexpected argument --"},
		{"-A -t 192.0.2.10:80 -", "unexpected argument -"},
		{"-A -t", "-t: missing argument"},
		{"-A --tcp-service", "--tcp-service: missing argument"},
		{"-A -t 192.0.2.10:80 -k", "-k: unknown option"},
		{"-A -t 192.0.2.10:80 -b sh-port", "-b sh-port: incompatible scheduler flag `sh-port': it is for -s sh, this is wlc"},
		{"-A -t 192.0.2.10:80 -s sh -b flag-1,mh-port",
			"-b flag-1,mh-port: incompatible scheduler flag `mh-port': it is for -s mh, this is sh"},
		{"-A -t 192.0.2.10:80 -s sh -b sh-ports", "-b sh-ports: no scheduler flag `sh-ports': use one of " +
			"sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2, flag-3"},
		{"-A -t 192.0.2.10:80 -s mh --sched-flags=mh-port,", "--sched-flags mh-port,: no scheduler flag `': use one of " +
			"sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2, flag-3"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -b sh-port", "-b: Illegal 'sched-flags' option with the 'add-server' command"},
		{"-A -t 192.0.2.10:80 --fast", "--fast: unknown option"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 --ipip=3", "--ipip: option does not take an argument"},

		{"-A -t 192.0.2.10:80 -p 300", "-p: not supported by this version"},
		{"-A -u 192.0.2.10:53 -o", "-o: not supported by this version"},
		{"-A -u 192.0.2.10:53 --pe sip", "--pe: not supported by this version"},
		{"-A -f 1", "-f: not supported by this version"},
		{"-A --sctp-service=192.0.2.10:80", "--sctp-service: not supported by this version"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -x 10", "-x: not supported by this version"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type gue", "--tun-type: not supported by this version"},
		{"-A -t 192.0.2.10:80 -s none", "-s none: not supported by this version: use one of " + schedulers},
		{"-A -t 192.0.2.10:80 -s best", "-s best: Scheduler or persistence engine not found: use one of " + schedulers},
		{"-A -t [2001:db8::1]:80", "-t [2001:db8::1]:80: IPv6 is not supported by this version"},
		{"-a -t 192.0.2.10:80 -r 2001:db8::1", "-r 2001:db8::1: IPv6 is not supported by this version"},

		{"-A -t 192.0.2.10", "-t 192.0.2.10: Zero port specified for non-persistent service: give a port, as in 192.0.2.10:80"},
		{"-A -t 192.0.2.10:0", "-t 192.0.2.10:0: Zero port specified for non-persistent service: give a port, as in 192.0.2.10:80"},
		{"-A -t 192.0.2.10:65536", "-t 192.0.2.10:65536: illegal virtual server address[:port] specified: port must be 65535 or less"},
		{"-A -t 192.0.2.10:", "-t 192.0.2.10:: illegal virtual server address[:port] specified: no port after the colon"},
		{"-A -t 192.0.2.10:web", "-t 192.0.2.10:web: illegal virtual server address[:port] specified: no such service"},
		{"-A -t 192.0.2.300:80", "-t 192.0.2.300:80: illegal virtual server address[:port] specified: want an address such as 192.0.2.10 or a name"},
		{"-A -t :80", "-t :80: illegal virtual server address[:port] specified: want an address such as 192.0.2.10 or a name"},
		{"-A -t nobody.example:80", "-t nobody.example:80: illegal virtual server address[:port] specified: no such host"},
		{"-A -t group.example:80", "-t group.example:80: illegal virtual server address[:port] specified: 224.0.0.1 is not a unicast address"},
		{"-A -t 0.0.0.0:80", "-t 0.0.0.0:80: illegal virtual server address[:port] specified: 0.0.0.0 is not a unicast address"},
		{"-A -t 127.0.0.1:80", "-t 127.0.0.1:80: no frame arrives for a loopback address: use one that clients can reach"},
		{"-a -t 192.0.2.10:80 -r 255.255.255.255", "-r 255.255.255.255: illegal real server address[:port] specified: 255.255.255.255 is not a unicast address"},

		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -w -3", "-w -3: weight must be 0 or more"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -w-3", "-w -3: weight must be 0 or more"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -w 2147483648", "-w 2147483648: weight must be 2147483647 or less"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -w -99999999999999999999", "-w -99999999999999999999: weight must be 0 or more"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 --weight=99999999999999999999", "--weight 99999999999999999999: weight must be 2147483647 or less"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -w much", "-w much: illegal weight specified: want a number from 0 to 2147483647"},
	} {
		_, err := parse(c.line)
		if err == nil {
			t.Errorf("%s: accepted, want %q", c.line, c.want)
		} else if got := err.Error(); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.line, got, c.want)
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
}
