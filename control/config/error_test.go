package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestParse_NamesTheFlagThatIsWrong(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "--interface: required: the interfaces that carry balanced traffic"},
		{"--speed=9", "--speed: unknown flag: --help lists the flags of this version"},
		{"--interface=eth0 extra", `unexpected argument "extra": flags begin with --`},
		{"--interface=eth0 -A -t 192.0.2.10:80", "-A: ipvsadm's rules belong in a file: see --flagfile"},
		{"--interface", "flag needs an argument: --interface"},
		{"--interface=", "--interface=: an interface name is missing"},
		{"--interface=eth0,", "--interface=eth0,: an interface name is missing"},
		{"--interface=eth0,eth0", "--interface=eth0,eth0: eth0 is given twice"},
		{"--interface=abcdefghijklmnop", `--interface=abcdefghijklmnop: "abcdefghijklmnop" is too long for an interface name: want 15 bytes or fewer`},
		{"--interface=a/b", `--interface=a/b: "a/b" cannot be an interface name`},
		{"--interface=..", `--interface=..: ".." cannot be an interface name`},
		{"--io=dpdk", "--io=dpdk: want auto|xdp|packet"},
		{"--xdp-mode=fast", "--xdp-mode=fast: want auto|zerocopy|copy|generic"},
		{"--queues=", "--queues=: want all or a list such as 0-3,5"},
		{"--queues=0-", "--queues=0-: want all or a list such as 0-3,5"},
		{"--queues=3-0", "--queues=3-0: the range 3-0 is in the wrong order: write 0-3"},
		{"--queues=0-3,2", "--queues=0-3,2: queue 2 is given twice"},
		{"--queues=4096", "--queues=4096: 4096 is too high: want numbers up to 4095"},
		{"--cpus=all", "--cpus=all: want auto or a list such as 0-3,5"},
		{"--cpus=1024", "--cpus=1024: 1024 is too high: want numbers up to 1023"},
		{"--cpus=0-1023,0-1023,0-1023,0-1023,0", "--cpus=0-1023,0-1023,0-1023,0-1023,0: the list has more entries than a NIC can have queues"},
		{"--interface=eth0 --cpus=2 --queues=0-1", "--cpus=2: too few CPUs for 2 queues: give one for each, or auto"},
		{"--irq=move", "--irq=move: want leave|pin"},
		{"--http=9464", "--http=9464: want ADDRESS:PORT, as in 127.0.0.1:9464 or [::1]:9464"},
		{"--http=localhost:9464", `--http=localhost:9464: "localhost" is not an IP address`},
		{"--http=127.0.0.1:0", `--http=127.0.0.1:0: port "0": want a number from 1 to 65535`},
		{"--http=127.0.0.1:http", `--http=127.0.0.1:http: port "http": want a number from 1 to 65535`},
		{"--conn-table-size=0", "--conn-table-size=0: want a number from 1 to 134217728"},
		{"--conn-table-size=1e6", "--conn-table-size=1e6: want a number from 1 to 134217728"},
		{"--manage-vips=maybe", "--manage-vips=maybe: want true or false"},
		{"--vip-interface=eth0", "--vip-interface=eth0: want VIP=INTERFACE, as in 192.0.2.10=eth0"},
		{"--vip-interface=vip=eth0", `--vip-interface=vip=eth0: "vip" is not an address such as 192.0.2.10`},
		{"--vip-interface=2001:db8::1=eth0", "--vip-interface=2001:db8::1=eth0: IPv6 is not supported by this version"},
		{"--vip-interface=224.0.0.1=eth0", "--vip-interface=224.0.0.1=eth0: 224.0.0.1 is not a unicast address"},
		{"--vip-interface=192.0.2.1=", "--vip-interface=192.0.2.1=: an interface name is missing"},
		{"--timeouts=1,2", "--timeouts=1,2: want three numbers of seconds, as in 900,120,300"},
		{"--timeouts=1,2,2678401", `--timeouts=1,2,2678401: "2678401": want a number from 0 to 2678400`},
		{"--neighbor=10.0.0.1", "--neighbor=10.0.0.1: want IP=MAC@INTERFACE, as in 10.0.0.11=02:00:00:00:01:01@eth1"},
		{"--neighbor=10.0.0.1=02:00@eth1", `--neighbor=10.0.0.1=02:00@eth1: "02:00" is not an Ethernet address such as 02:00:00:00:01:01`},
		{"--neighbor=10.0.0.1=01:00:5e:00:00:01@eth1", "--neighbor=10.0.0.1=01:00:5e:00:00:01@eth1: 01:00:5e:00:00:01 is not the address of a single station"},
		{"--neighbor=10.0.0.1=00:00:00:00:00:00@eth1", "--neighbor=10.0.0.1=00:00:00:00:00:00@eth1: 00:00:00:00:00:00 is not the address of a single station"},
		{"--neighbor=10.0.0.1=02:00:00:00:00:01@", "--neighbor=10.0.0.1=02:00:00:00:00:01@: an interface name is missing"},
		{"--icmp-ratelimit=-1", "--icmp-ratelimit=-1: want a number from 0 to 2147483647"},
		{"--icmp-ratemask=4294967296", "--icmp-ratemask=4294967296: want a number from 0 to 4294967295"},
		{"--conn-reuse-mode=4", "--conn-reuse-mode=4: want a number from 0 to 3"},
		{"--pmtu-disc=yes", "--pmtu-disc=yes: want 0 or 1"},
		{"--conn-max=5", "--conn-max: has no meaning here: use --conn-table-size"},
		{"--conn_max=5", "--conn_max: has no meaning here: use --conn-table-size"},
		{"--log-level=loud", "--log-level=loud: want trace|debug|info|warn|error"},
		{"--log-format=xml", "--log-format=xml: want console|json"},
		{"--control=/" + strings.Repeat("x", 107), "--control=/" + strings.Repeat("x", 107) +
			": the path of a unix socket has at most 107 bytes, this one has 108: give a shorter one"},
		{"--flagfile=/nonexistent/file", "--flagfile=/nonexistent/file: open /nonexistent/file: no such file or directory"},
		{"--flagfile=- --flagfile=-", "--flagfile=-: standard input was already read"},
	} {
		_, err := parse("", strings.Fields(c.args)...)
		if err == nil {
			t.Errorf("%s: accepted, want %q", c.args, c.want)
		} else if got := err.Error(); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.args, got, c.want)
		}
	}
}

// A name that cannot be written in a flags file would change when it is printed.
func TestParse_RefusesNamesThatNoLineHolds(t *testing.T) {
	for _, flag := range []string{"--state=", "--control="} {
		for name, good := range map[string]bool{
			"/run/a": true, "/run/a b#c": true, "#a": true,
			" /run/a": false, "/run/a ": false, "/run/a #b": false, "/run/a\nb": false,
		} {
			if _, err := parse("", "--interface=eth0", flag+name); (err == nil) != good {
				t.Errorf("%s%q: %v", flag, name, err)
			}
		}
	}
}

func TestParse_NamesTheLineThatIsWrong(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"# comment\n--interface=eth0\n--cpus=2-3\n-A -t 192.0.2.10:80 -s wlc\n\n-a -t 192.0.2.10:80 -r 10.0.0.11 -m -w -3\n",
			"stdin:6: -w -3: weight must be 0 or more"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.11\n",
			"stdin:1: -t 192.0.2.10:80 -r 10.0.0.11:80: Service not defined"},
		{"-A -t 192.0.2.10:80\n-A -t 192.0.2.10:80\n", "stdin:2: -t 192.0.2.10:80: Service already exists"},
		{"-A -t 192.0.2.10:99999\n", "stdin:1: -t 192.0.2.10:99999: illegal virtual server address[:port] specified: port must be 65535 or less"},
		{"--clear\n", "stdin:1: --clear: only -A and -a may stand in a flags file"},
		{"--io xdp\n--speed 9\n", "stdin:2: --speed: unknown flag: --help lists the flags of this version"},
		{"--help\n", "stdin:1: --help: unknown flag: --help lists the flags of this version"},
		{"--io\n", "stdin:1: --io: a value is missing: write --io=auto|xdp|packet"},
		{"--io # xdp\n", "stdin:1: --io: a value is missing: write --io=auto|xdp|packet"},
		{"--io xdp packet\n", "stdin:1: --io=xdp packet: want auto|xdp|packet"},
		{"--interface eth0, eth1\n", `stdin:1: --interface=eth0, eth1: " eth1" cannot be an interface name`},
		{"--sync-threshold=3 50\n", "stdin:1: --sync-threshold: has no meaning here: this version has no sync daemon"},
		{"\n--drop-entry always\n", "stdin:2: --drop-entry=always: want a number from 0 to 3"},
		{"--\n", "stdin:1: --: unknown flag: --help lists the flags of this version"},
		{"interface=eth0\n", `stdin:1: "interface=eth0": want a flag (--name=value) or a rule (-A, -a)`},
		{"--interface=eth0\n--queues=0-1\n--cpus 1\n", "stdin:3: --cpus=1: too few CPUs for 2 queues: give one for each, or auto"},
		{"--io=xdp\n" + strings.Repeat("x", 70000), "stdin:2: the line is longer than 65536 bytes: is this a flags file?"},
	} {
		_, err := parse(c.text, "--flagfile=-")
		if err == nil {
			t.Errorf("%s: accepted, want %q", c.text, c.want)
		} else if got := err.Error(); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}

func TestParse_RefusesAFileThatNamesItself(t *testing.T) {
	name := filepath.Join(t.TempDir(), "loop")
	if err := os.WriteFile(name, []byte("--interface=eth0\n--flagfile="+name+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := parse("", "--flagfile="+name)
	want := name + ":2: --flagfile=" + name + ": the file is already being read: it must not include itself"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A FIFO in place of a flags file does not make the director wait for a writer.
func TestParse_ReadsRegularFilesOnly(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, kind := range map[string]string{name: "a pipe", "/dev/null": "a device", filepath.Dir(name): "a directory"} {
		_, err := parse("", "--flagfile="+file)
		want := "--flagfile=" + file + ": " + file + ": not a regular file: it is " + kind + ": to read a pipe, connect it to standard input and give --flagfile=-"
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
