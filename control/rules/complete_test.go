package rules_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control/rules"
	"director/sched"
)

func TestComplete_OffersWhatMayComeNext(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string // some of it
		not  string
	}{
		{"", []string{"-A", "--add-service", "-L", "--set", "-l", "--list"}, "-t"},
		{"-A", []string{"-t", "--tcp-service", "-s", "-p", "--sctp-service"}, "-w"},
		{"-a", []string{"-t", "-r", "-w", "--weight", "-m"}, "-s"},
		{"-a -t 192.0.2.10:80 -m", []string{"-r"}, "-g"},
		{"-Ln", []string{"--stats", "--rate", "-c"}, "-n"},
		{"-A -t 192.0.2.10:80 -s", sched.Names(), "-t"},
		{"-A -t 192.0.2.10:80 -s mh -b", []string{"mh-port"}, "-t"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.11 -i --tun-type", []string{"gue", "gre", "ipip"}, "-t"},
		{"-A -u 192.0.2.10:5060 -p --pe", []string{"sip"}, "-t"},
		{"--start-daemon", []string{"master", "backup"}, "-t"},
		{"-L --no-such-option", nil, "-n"},
		{"-A -w", nil, "-t"},
	} {
		var got []string
		for _, w := range rules.Complete(strings.Fields(c.line)).Words {
			got = append(got, w.Text)
		}
		for _, want := range c.want {
			if !slices.Contains(got, want) {
				t.Errorf("%q: %q, want %q among it", c.line, got, want)
			}
		}
		if slices.Contains(got, c.not) || c.want == nil && len(got) > 0 {
			t.Errorf("%q: %q, want it without %q", c.line, got, c.not)
		}
	}
}

func TestComplete_AsksForWhatTheDirectorKnows(t *testing.T) {
	for line, want := range map[string]rules.Next{
		"-E -t":                       {Service: "tcp-service"},
		"-L -u":                       {Service: "udp-service"},
		"-d --fwmark-service":         {Service: "fwmark-service"},
		"-A -t":                       {}, // a new one
		"-e -t 192.0.2.10:80 -r":      {Server: true, Of: [2]string{"tcp-service", "192.0.2.10:80"}},
		"-d -f 5 -r":                  {Server: true, Of: [2]string{"fwmark-service", "5"}},
		"-a -t 192.0.2.10:80 -r":      {Of: [2]string{"tcp-service", "192.0.2.10:80"}},
		"-e -t192.0.2.10:80 -mw 3 -r": {Server: true, Of: [2]string{"tcp-service", "192.0.2.10:80"}},
	} {
		if diff := cmp.Diff(want, rules.Complete(strings.Fields(line))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
}
