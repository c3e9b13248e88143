package ipvsadm_test

import (
	"errors"
	"strings"
	"testing"

	"director/control/ipvsadm"
	"director/control/rules/rulestest"
)

// What ipvsadm 1.31 itself (Debian's 1.31-1) prints and returns.
func TestParse_KnowsIpvsadmsMessagesAndCodes(t *testing.T) {
	const try = "Try `ipvsadm -h' or 'ipvsadm --help' for more information."
	for _, c := range []struct {
		line string
		code int
		want string
	}{
		{"-t 192.0.2.10:80 -A", 255, try},
		{"-n", 255, try},
		{"foo", 255, try},
		{"--", 255, try},
		{"--set=1 2 3", 255, try},
		{"--start-daemon", 255, try},
		{"-A -k", 255, "-k: unknown option"},
		{"-Ank", 255, "-Ank: unknown option"},
		{"-A --tcp 192.0.2.10:80", 255, "--tcp: unknown option"},
		{"-A -gt", 255, "-gt: missing argument"},
		{"-L --stats=3", 255, "--stats=3: option does not take an argument"},
		{"-L -n=3", 255, "-n=3: option does not take an argument"},
		{"--set -1 2 3", 255, "-1: unknown option"},

		{"-A", 2, "You need to supply the 'service-address' option for the 'add-service' command"},
		{"-E", 2, "You need to supply the 'service-address' option for the 'edit-service' command"},
		{"-D", 2, "You need to supply the 'service-address' option for the 'delete-service' command"},
		{"-d -t 192.0.2.10:80", 2, "You need to supply the 'real-server' option for the 'delete-server' command"},
		{"-A -t 192.0.2.10", 2, "Zero port specified for non-persistent service"},
		{"-A -t ::1", 2, "Zero port specified for non-persistent service"},
		{"-A -t 192.0.2.10:80 -o", 2, "One-Packet Scheduling is only for UDP virtual services"},
		{"-A -t 192.0.2.10 -o", 2, "Zero port specified for non-persistent service"},
		{"-A -t 192.0.2.10:80 -b sh-port", 2, "incompatible scheduler flag `sh-port'"},
		{"-A -b sh-port", 2, "incompatible scheduler flag `sh-port'"},
		{"-L -b foo", 2, "invalid scheduler flag `foo'"},
		{"-A -n", 2, "Illegal 'numeric' option with the 'add-service' command"},
		{"-C -t 192.0.2.10:80", 2, "Illegal 'service-address' option with the 'flush' command"},
		{"-d -t 192.0.2.10:80 -r 10.0.0.1 -m", 2, "Illegal 'forwarding-method' option with the 'delete-server' command"},
		{"-S --nosort", 2, "Illegal 'nosort' option with the 'save' command"},
		{"-Zn", 2, "Illegal 'numeric' option with the 'zero' command"},
		{"-A -n -n", 2, "multiple 'numeric' options specified"},
		{"-A -t 192.0.2.10:80 -f 1", 2, "multiple 'service-address' options specified"},
		{"-A -t 192.0.2.10:80 -D", 2, "invalid option `-D'"},
		{"-AD", 2, "invalid option `-AD'"},
		{"-A --start-daemon master", 2, "invalid option `master'"},
		{"-A -n extra", 2, "unexpected argument extra"},
		{"extra -L", 2, "unexpected argument extra"},
		{"-A -- -t", 2, "unexpected argument -t"},
		{"--set 1 2 3 4", 2, "unexpected argument 4"},
		{"-A -t 192.0.2.300:80", 2, "illegal virtual server address[:port] specified"},
		{"-A -t [::1]", 2, "illegal virtual server address[:port] specified"},
		{"-A -t [192.0.2.10]:80", 2, "illegal virtual server address[:port] specified"},
		{"-A -t [::ffff:192.0.2.10]:80", 2, "illegal virtual server address[:port] specified"},
		{"-L -r nobody.example", 2, "illegal real server address[:port] specified"},
		{"-a -t 192.0.2.10:80 -r [::1]:80", 2, "Different address family is allowed only for tunneling servers"},
		{"-A -w x -k", 2, "illegal weight specified"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -w -1", 2, "illegal weight specified"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -x 2147483648", 2, "illegal u_threshold specified"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -y x", 2, "illegal l_threshold specified"},
		{"-A -f 0", 2, "invalid fwmark value `0' specified"},
		{"-A -6 -f 1", 2, "-6 used before -f\n"},
		{"-A -t 192.0.2.10:80 -p 0", 2, "invalid timeout value `0' specified"},
		{"-At 192.0.2.10:80 -ps", 2, "invalid timeout value `s' specified"},
		{"-A -M mask", 2, "illegal virtual server persistent mask specified"},
		{"-A -t [::1]:80 -M 129", 2, "illegal ipv6 netmask specified"},
		{"--set 1 2", 2, "--set option requires 3 timeout values"},
		{"--set 1 -n", 2, "--set option requires 3 timeout values"},
		{"--set 0 0 2678401", 2, "invalid timeout value `2678401' specified"},

		{"-a -t 192.0.2.10:80 -r 10.0.0.1 --tun-type ipip", 2, "Tunnel options conflict with forward method"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type ip", 2, "illegal tunnel type specified"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type gue", 2,
			"You need to supply the 'tun-port' option for the 'gue' tunnel type"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type gue --tun-port 0", 2, "illegal tunnel port specified"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type gre --tun-port 1", 2,
			"Illegal 'tun-port' option with the 'gre' tunnel type"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type gre --tun-remcsum --tun-csum", 2,
			"Illegal 'tun-remcsum' option with the 'gre' tunnel type"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-csum", 2, "Illegal 'tun-csum' option with the 'ipip' tunnel type"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-port 6080 --tun-type ipip", 2,
			"Illegal 'tun-port' option with the 'ipip' tunnel type"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type gre --tun-remcsum --tun-csum --tun-nocsum", 2,
			"The option 'tun-csum' conflicts with the 'tun-nocsum' option in the 'gre' tunnel type"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -m --tun-type gre", 2, "Tunnel options conflict with forward method"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type gue --tun-csum", 2,
			"You need to supply the 'tun-port' option for the 'gue' tunnel type"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type gue --tun-port 65536", 2, "illegal tunnel port specified"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type gue --tun-port 1 --tun-csum --tun-nocsum", 2,
			"The option 'tun-csum' conflicts with the 'tun-nocsum' option in the 'gue' tunnel type"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type gue --tun-port 1 --tun-csum --tun-remcsum", 2,
			"The option 'tun-remcsum' conflicts with the 'tun-csum' option in the 'gue' tunnel type"},

		{"-L -c -t 192.0.2.10:80 --timeout", 2,
			"The option 'service-address' conflicts with the 'connection' option in the 'list' command"},
		{"-L --timeout -t 192.0.2.10:80", 2,
			"The option 'timeout' conflicts with the 'service-address' option in the 'list' command"},
		{"-L --timeout --daemon", 2, "The option 'daemon' conflicts with the 'timeout' option in the 'list' command"},
		{"-L -c --thresholds", 2, "options conflicts in the list command"},
		{"-L --daemon --rate", 2, "options conflicts in the list command"},
		{"-L --timeout --persistent-conn", 2, "options conflicts in the list command"},

		{"--start-daemon slave", 2, "illegal start-daemon parameter specified"},
		{"--stop-daemon slave", 2, "illegal start_daemon specified"},
		{"--start-daemon master --syncid 256", 2, "illegal syncid specified"},
		{"--start-daemon master --sync-maxlen 65508", 2, "illegal sync-maxlen specified"},
		{"--start-daemon master --mcast-port 0", 2, "illegal mcast-port specified"},
		{"--start-daemon master --mcast-ttl 256", 2, "illegal mcast-ttl specified"},
		{"--start-daemon master --mcast-group 10.0.0.1", 2, "invalid IPv4 mcast-group `10.0.0.1'"},
		{"--start-daemon master --mcast-group fe80::1", 2, "invalid IPv6 mcast-group `fe80::1'"},
		{"--stop-daemon master --mcast-ttl 3", 2, "Illegal 'mcast-ttl' option with the 'stop-daemon' command"},
	} {
		_, err := ipvsadm.Parse(strings.Fields(c.line), rulestest.Book{})
		var e *ipvsadm.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want %q", c.line, err, c.want)
		} else if e.Line != c.want || e.Code != c.code {
			t.Errorf("%s:\n got %d %q\nwant %d %q", c.line, e.Code, e.Line, c.code, c.want)
		}
	}
}

func TestExecute_RefusesWhatThisVersionCannotDo(t *testing.T) {
	const (
		family  = "Operation not supported with specified address family"
		unknown = "Scheduler or persistence engine not found"
		invalid = "Invalid operation.  Possibly wrong module version, address not unicast, ..."
	)
	for _, c := range []struct{ line, want string }{
		{"-A -t [2001:db8::1]:80", family},
		{"-A -f 1 -6", family},
		{"-A -t [::1]:80 -p -M 64", family},
		{"-a -t 192.0.2.10:80 -i -r 2001:db8::1", family},
		{"-A -t 192.0.2.10:80 -s best", unknown},
		{"-A -u 192.0.2.10:80 --pe ftp", unknown},
		{"-A -t group.example:80", invalid},
		{"-A -t 0.0.0.0:80", invalid},
		{"-A -t 127.0.0.1:80", invalid},
		{"-a -t 192.0.2.10:80 -r 255.255.255.255", invalid},
		{"--start-daemon master --mcast-interface eth1 --syncid 3 --mcast-group ff02::1", "This version has no sync daemon"},
		{"--stop-daemon backup", "No daemon is running"},
	} {
		if out, errs, code := run(&memory{}, c.line, ""); out != "" || errs != c.want+"\n" || code != 255 {
			t.Errorf("%s:\n got %d %q %q\nwant 255 %q", c.line, code, out, errs, c.want)
		}
	}
	// A listing fails with a code of its own.
	if _, errs, code := run(&memory{}, "-L -t [2001:db8::1]:80", ""); errs != family+"\n" || code != 1 {
		t.Errorf("a listing: %d %q, want 1 %q", code, errs, family)
	}
}
