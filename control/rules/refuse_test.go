package rules_test

import (
	"errors"
	"strings"
	"testing"

	"director/control/rules"
	"director/sched"
)

func TestParse_RefusesInOneLine(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"-t 192.0.2.10:80 -A", "-t: the first option must be a command such as -A"},
		{"-Aa -t 192.0.2.10:80", "-a: multiple commands specified: give each its own line"},
		{"-A", "-A: You need to supply the 'service-address' option for the 'add-service' command"},
		{"-a -t 192.0.2.10:80", "-a: You need to supply the 'real-server' option for the 'add-server' command"},
		{"-A -t 192.0.2.10:80 -r 10.0.0.1", "-r: Illegal 'real-server' option with the 'add-service' command"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -s rr", "-s: Illegal 'scheduler' option with the 'add-server' command"},
		{"-An -t 192.0.2.10:80", "-n: Illegal 'numeric' option with the 'add-service' command"},
		{"-A -t 192.0.2.10:80 -u 192.0.2.10:80", "-u: multiple 'service-address' options specified"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -m -g", "-g: multiple 'forwarding-method' options specified"},
		{"-A -t 192.0.2.10:80 extra", "unexpected argument extra"},
		{"-A -t 192.0.2.10:80 -", "unexpected argument -"},
		{"-A -t", "-t: missing argument"},
		{"-A --tcp-service", "--tcp-service: missing argument"},
		{"-A -t 192.0.2.10:80 -k", "-k: unknown option"},
		{"-A -t 192.0.2.10:80 -b sh-port", "-b sh-port: incompatible scheduler flag `sh-port': it is for -s sh, this is wlc"},
		{"-A -t 192.0.2.10:80 -s sh -b flag-1,mh-port",
			"-b flag-1,mh-port: incompatible scheduler flag `mh-port': it is for -s mh, this is sh"},
		{"-A -t 192.0.2.10:80 -s sh -b sh-ports", "-b sh-ports: invalid scheduler flag `sh-ports': use one of " +
			"sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2, flag-3"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -b flag-1", "-b: Illegal 'sched-flags' option with the 'add-server' command"},
		{"-A -t 192.0.2.10:80 --fast", "--fast: unknown option"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 --ipip=3", "--ipip: option does not take an argument"},

		{"-A -t 192.0.2.10:80 -p 0", "-p 0: timeout must be 1 or more"},
		{"-A -t 192.0.2.10:80 -p 2678401", "-p 2678401: timeout must be 2678400 or less"},
		{"-A -t 192.0.2.10:80 -p day", "-p day: invalid timeout value `day' specified: want a number from 1 to 2678400"},
		{"-A -t 192.0.2.10:80 -p -M 24",
			"-M 24: illegal virtual server persistent mask specified: want a mask such as 255.255.255.0"},
		{"-A -t 192.0.2.10:80 -o", "-o: One-Packet Scheduling is only for UDP virtual services"},
		{"-A -f 0", "-f 0: fwmark must be 1 or more"},
		{"-A -f 4294967296", "-f 4294967296: fwmark must be 4294967295 or less"},
		{"-A -t 192.0.2.10:80 -6", "-6 used before -f"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -x -1", "-x -1: u_threshold must be 0 or more"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 --tun-type gue", "--tun-type: Tunnel options conflict with forward method: they are for -i"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-csum", "--tun-csum: Illegal 'tun-csum' option with the 'ipip' tunnel type"},
		{"-L -c --daemon", "--daemon: The option 'daemon' conflicts with the 'connection' option in the 'list' command"},
		{"-L -c --stats", "--stats: options conflicts in the list command"},
		{"--set 1 2", "--set option requires 3 timeout values"},
		{"--set 1 2 x", "--set x: invalid timeout value `x' specified: want a number from 0 to 2678400"},
		{"--start-daemon", "--start-daemon: the first option must be a command such as -A"},

		{"-A -t 192.0.2.10", "-t 192.0.2.10: Zero port specified for non-persistent service: give a port, as in 192.0.2.10:80, or -p"},
		{"-A -t 192.0.2.10:0", "-t 192.0.2.10:0: Zero port specified for non-persistent service: give a port, as in 192.0.2.10:80, or -p"},
		{"-A -t 192.0.2.10:65536", "-t 192.0.2.10:65536: illegal virtual server address[:port] specified: port must be 65535 or less"},
		{"-A -t 192.0.2.10:", "-t 192.0.2.10:: illegal virtual server address[:port] specified: no port after the colon"},
		{"-A -t 192.0.2.10:web", "-t 192.0.2.10:web: illegal virtual server address[:port] specified: no such service"},
		{"-A -t 192.0.2.300:80", "-t 192.0.2.300:80: illegal virtual server address[:port] specified: want an address such as 192.0.2.10 or a name"},
		{"-A -t :80", "-t :80: illegal virtual server address[:port] specified: want an address such as 192.0.2.10 or a name"},
		{"-A -t nobody.example:80", "-t nobody.example:80: illegal virtual server address[:port] specified: no such host"},

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

// A command that is correct and cannot be carried out is refused by name.
func TestParse_NamesWhatThisVersionCannotDo(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"-A -t [2001:db8::1]:80", "-t [2001:db8::1]:80: IPv6 is not supported by this version"},
		{"-L -t [2001:db8::1]:80", "-t [2001:db8::1]:80: IPv6 is not supported by this version"},
		{"-A -f 1 -6", "-f 1: IPv6 is not supported by this version"},
		{"-A -t [::1]:80 -p -M 64", "-t [::1]:80: IPv6 is not supported by this version"},
		{"-a -t 192.0.2.10:80 -i -r 2001:db8::1", "-r 2001:db8::1: IPv6 is not supported by this version"},
		{"-A -t 192.0.2.10:80 -s best", `-s best: scheduler "best": want one of ` + strings.Join(sched.Names(), ", ")},
		{"-A -u 192.0.2.10:80 --pe ftp", `--pe ftp: engine "ftp": want sip`},
		{"-A -t group.example:80", "-t group.example:80: 224.0.0.1 is not a unicast address"},
		{"-A -t 0.0.0.0:80", "-t 0.0.0.0:80: 0.0.0.0 is not a unicast address"},
		{"-A -t 127.0.0.1:80", "-t 127.0.0.1:80: no frame arrives for a loopback address: use one that clients can reach"},
		{"-a -t 192.0.2.10:80 -r 255.255.255.255", "-r 255.255.255.255: 255.255.255.255 is not a unicast address"},
		{"--start-daemon master --mcast-interface eth1 --syncid 3 --mcast-group ff02::1",
			"--start-daemon: this version has no sync daemon"},
		{"--stop-daemon backup", "--stop-daemon: no sync daemon is running"},
	} {
		command, err := parse(c.line)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		var e *rules.Error
		if !errors.As(command.Refused, &e) {
			t.Errorf("%s: not refused, want %q", c.line, c.want)
		} else if e.Error() != c.want || e.Kind != rules.Refused {
			t.Errorf("%s:\n got %d %q\nwant %d %q", c.line, e.Kind, e, rules.Refused, c.want)
		}
	}
}
