package config_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/packet"
	"director/service"
)

func TestParse_KeepsMarksInTheOrderGiven(t *testing.T) {
	got, err := parse("--fwmark=9=sctp,192.0.2.77/24\n--fwmark=1=tcp,192.0.2.10,80+1024-65535\n",
		"--interface=eth0", "--fwmark=1=udp,0.0.0.0/0", "--flagfile=-",
		"--fwmark=9=sctp,192.0.2.0/24", "--fwmark=4294967295=tcp,10.0.0.1/32,7-7")
	if err != nil {
		t.Fatal(err)
	}
	want := []service.Mark{
		{Mark: 9, Proto: packet.ProtoSCTP, Prefix: netip.MustParsePrefix("192.0.2.0/24")},
		{Mark: 1, Proto: packet.ProtoTCP, Prefix: netip.MustParsePrefix("192.0.2.10/32"),
			Ports: []service.PortRange{{First: 80, Last: 80}, {First: 1024, Last: 65535}}},
		{Mark: 1, Proto: packet.ProtoUDP, Prefix: netip.MustParsePrefix("0.0.0.0/0")},
		{Mark: 4294967295, Proto: packet.ProtoTCP, Prefix: netip.MustParsePrefix("10.0.0.1/32"),
			Ports: []service.PortRange{{First: 7, Last: 7}}},
	}
	if diff := cmp.Diff(want, got.Marks, compare); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
}

func TestParse_SaysWhatIsWrongWithAMark(t *testing.T) {
	const usage = "want MARK=PROTO,PREFIX,PORTS, as in 1=tcp,192.0.2.10,80+443, or without PORTS for all"
	for arg, want := range map[string]string{
		"7":                         usage,
		"7=tcp":                     usage,
		"7=tcp,10.0.0.1,80,443":     usage,
		"0=tcp,10.0.0.1":            `mark "0": want a number from 1 to 4294967295`,
		"4294967296=tcp,10.0.0.1":   `mark "4294967296": want a number from 1 to 4294967295`,
		"x=tcp,10.0.0.1":            `mark "x": want a number from 1 to 4294967295`,
		"7=icmp,10.0.0.1":           `protocol "icmp": want tcp, udp or sctp`,
		"7=tcp,vip":                 `"vip" is not an address such as 192.0.2.10`,
		"7=tcp,10.0.0.1/33":         `"10.0.0.1/33" is not an address with a prefix length, such as 192.0.2.1/24`,
		"7=tcp,2001:db8::1":         "IPv6 is not supported by this version",
		"7=tcp,2001:db8::/64":       "IPv6 is not supported by this version",
		"7=tcp,224.0.0.1":           "224.0.0.1 is not a unicast address",
		"7=tcp,225.0.0.1/4":         "224.0.0.0 is not a unicast address",
		"7=tcp,0.1.2.3/8":           "0.0.0.0 is not a unicast address",
		"7=tcp,10.0.0.1,":           `ports "": want ports such as 80+443 or 1024-65535`,
		"7=tcp,10.0.0.1,0":          `ports "0": want ports such as 80+443 or 1024-65535`,
		"7=tcp,10.0.0.1,80+65536":   `ports "80+65536": want ports such as 80+443 or 1024-65535`,
		"7=tcp,10.0.0.1,80-":        `ports "80-": want ports such as 80+443 or 1024-65535`,
		"7=tcp,10.0.0.1,http":       `ports "http": want ports such as 80+443 or 1024-65535`,
		"7=tcp,10.0.0.1,80+443-442": "the range 443-442 is in the wrong order: write 442-443",
	} {
		want = "--fwmark=" + arg + ": " + want
		if _, err := parse("", "--interface=eth0", "--fwmark="+arg); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", arg, err, want)
		}
	}
}
