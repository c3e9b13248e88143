package config_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control/config"
	"director/packet"
)

// described is a host with two interfaces.
const described = `
--interface eth0
--in=a.pcap
--out b.pcapng
--link eth0=02:00:00:00:00:09
--link eth0=02:00:00:00:00:01,mtu=1400,addr=192.0.2.1/24,addr=192.0.2.2/32
--link=mgmt=02:00:00:00:00:02
--route 0.0.0.0/0=192.0.2.254@eth0,mtu=1300,src=192.0.2.2
--route 10.0.0.9/8=@mgmt
--neighbor 192.0.2.254=02:00:00:00:00:fe@eth0
`

func parseReplay(file string, args ...string) (*config.Config, *config.Replay, error) {
	return config.ParseReplay(append(args, "--flagfile=-"), strings.NewReader(file))
}

func TestParseReplay_ReadsTheHost(t *testing.T) {
	_, got, err := parseReplay(described, "--workers=3", "--seed=9", "--host-out=h", "--summary=s", "--script=x")
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Replay{
		In: "a.pcap", Out: "b.pcapng", HostOut: "h", Summary: "s", Script: "x", Workers: 3, Seed: 9,
		Links: []config.Link{
			{Name: "eth0", MAC: packet.MAC{2, 0, 0, 0, 0, 1}, MTU: 1400, Addrs: []netip.Prefix{
				netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("192.0.2.2/32"),
			}},
			{Name: "mgmt", MAC: packet.MAC{2, 0, 0, 0, 0, 2}, MTU: 1500},
		},
		Routes: []config.Route{
			{Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("192.0.2.254"), Interface: "eth0",
				MTU: 1300, Source: netip.MustParseAddr("192.0.2.2")},
			{Dst: netip.MustParsePrefix("10.0.0.0/8"), Interface: "mgmt"},
		},
	}
	if diff := cmp.Diff(want, got, compare); diff != "" {
		t.Errorf("host (-want +got):\n%s", diff)
	}
}

func TestParseReplay_NamesWhatIsWrong(t *testing.T) {
	for args, want := range map[string]string{
		"--link=eth0":                                             "--link=eth0: want NAME=MAC,mtu=N,addr=PREFIX, as in eth0=02:00:00:00:00:01,mtu=1500,addr=192.0.2.1/24",
		"--link=eth0=02":                                          `--link=eth0=02: "02" is not an Ethernet address such as 02:00:00:00:01:01`,
		"--link=a/b=02:00:00:00:00:01":                            `--link=a/b=02:00:00:00:00:01: "a/b" cannot be an interface name`,
		"--link=e=02:00:00:00:00:01,mtu=67":                       "--link=e=02:00:00:00:00:01,mtu=67: mtu=67: want a number from 68 to 65535",
		"--link=e=02:00:00:00:00:01,addr=10.0.0.1":                `--link=e=02:00:00:00:00:01,addr=10.0.0.1: "10.0.0.1" is not an address with a prefix length, such as 192.0.2.1/24`,
		"--link=e=02:00:00:00:00:01,addr=::1/64":                  "--link=e=02:00:00:00:00:01,addr=::1/64: IPv6 is not supported by this version",
		"--link=e=02:00:00:00:00:01,up":                           `--link=e=02:00:00:00:00:01,up: "up": want mtu=N or addr=PREFIX`,
		"--route=10.0.0.0/8":                                      "--route=10.0.0.0/8: want PREFIX=GATEWAY@INTERFACE, as in 0.0.0.0/0=192.0.2.254@eth0, or PREFIX=@INTERFACE",
		"--route=10.0.0.0/8=x@eth0":                               `--route=10.0.0.0/8=x@eth0: "x" is not an address such as 192.0.2.10`,
		"--route=10.0.0.0/8=@eth0,via=9":                          `--route=10.0.0.0/8=@eth0,via=9: "via=9": want mtu=N or src=IP`,
		"--route=10.0.0.0/8=@eth9":                                "--route 10.0.0.0/8: no --link describes eth9",
		"--neighbor=10.0.0.1=02:00:00:00:00:01@e9":                "--neighbor 10.0.0.1: no --link describes e9",
		"--interface=eth0,eth1":                                   "--interface eth1: a --link must describe it, because the host is not examined",
		"--interface=mgmt --link=mgmt=02:00:00:00:00:01,mtu=9000": "--link mgmt: an MTU of 9000: the director carries packets of at most 1758 bytes",
		"--workers=0":                                             "--workers=0: want a number from 1 to 1024",
		"--script=":                                               "--script=: the name of a file is missing",
		"--out=":                                                  "--out=: the name of a file is missing",
		"--seed=0":                                                "--seed=0: want a number from 1 to 2147483647",
	} {
		_, _, err := parseReplay(described, strings.Fields(args)...)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", args, err, want)
		}
	}
}

func TestParseReplay_RequiresFiles(t *testing.T) {
	for left, want := range map[string]string{
		"--in=a.pcap":    "--in: required: the capture to read",
		"--out b.pcapng": "--out: required: the capture to write",
	} {
		if _, _, err := parseReplay(strings.Replace(described, left, "", 1)); err == nil || err.Error() != want {
			t.Errorf("without %s: got %v, want %s", left, err, want)
		}
	}
}

func TestParse_RefusesTheFlagsOfReplay(t *testing.T) {
	want := "only director replay and why take this flag: run reads this from the host"
	if _, err := parse("", "--interface=eth0", "--link=eth0=02:00:00:00:00:01"); err == nil || err.Error() != "--link: "+want {
		t.Errorf("on the command line: got %v", err)
	}
	if _, err := parse("--interface=eth0\n--route 0.0.0.0/0=@eth0\n", "--flagfile=-"); err == nil || err.Error() != "stdin:2: --route: "+want {
		t.Errorf("in a file: got %v", err)
	}
}

func TestReplayFlags_AreThoseOfReplay(t *testing.T) {
	usage := config.ReplayFlags().FlagUsages()
	for _, want := range []string{
		"--in FILE", "--script FILE", "--link NAME=MAC[,mtu=N][,addr=PREFIX...]", "--route PREFIX=[GATEWAY]@IF[,mtu=N][,src=IP]",
		"--workers N", "(default 1)",
	} {
		if !strings.Contains(usage, want) {
			t.Errorf("the help text lacks %q:\n%s", want, usage)
		}
	}
}

// A script's lines and the flags share these.
func TestParsers_ReadOneValue(t *testing.T) {
	if l, err := config.ParseLink("eth0=02:00:00:00:00:01,mtu=1400"); err != nil || l.Name != "eth0" || l.MTU != 1400 {
		t.Errorf("link: got %+v, %v", l, err)
	}
	if r, err := config.ParseRoute("10.0.0.9/8=@mgmt"); err != nil || r.String() != "10.0.0.0/8=@mgmt" {
		t.Errorf("route: got %v, %v", r, err)
	}
	want := config.Neighbor{IP: netip.MustParseAddr("10.0.0.1"), MAC: packet.MAC{2, 0, 0, 0, 0, 1}, Interface: "e9"}
	if n, err := config.ParseNeighbor("10.0.0.1=02:00:00:00:00:01@e9"); err != nil || n != want {
		t.Errorf("neighbour: got %+v, %v", n, err)
	}
}
