//go:build linux

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"director/bench/testlvs"
	"director/internal/cli"
	"director/internal/lab"
	"director/internal/lab/labtest"
)

func TestBenchTestlvs_RefusesWhatItShouldNotDo(t *testing.T) {
	for args, want := range map[string]string{
		"":                                    "--target: required",
		"--target=x":                          "--target: ",
		"--target=10.0.0.1:80 --sources=x":    "--sources: ",
		"--target=10.0.0.1:80 --rate=0":       "0 SYNs per second",
		"--target=8.8.8.8:53":                 "want an address of a private, documentation",
		"--target=10.0.0.1:80 --duration=-1s": "for -1s",
		"--target=[2001:db8::1]:80":           "want an IPv4 address",
		"--target=10.0.0.1:80 somewhere":      "unexpected argument",
	} {
		if code, _, errs := direct("testlvs " + args); code != cli.Usage || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, stderr %q, want %d and %q", args, code, errs, cli.Usage, want)
		}
	}
}

func TestBenchTestlvs_ReportsWhatItSent(t *testing.T) {
	labtest.RequireRoot(t)
	l := labtest.New(t, lab.Config{Servers: 1})
	to := "--target=" + l.Servers[0].Addr.String() + ":80 --rate=1000 --duration=100ms --connections=3"
	for _, format := range []string{"", " --json"} {
		var code int
		var out, errs string
		must(t, l.Clients[0].Do(func() error {
			code, out, errs = direct("testlvs " + to + format)
			return nil
		}))
		var r testlvs.Report
		switch {
		case code != cli.OK:
			t.Errorf("exit %d, stderr %q, want 0", code, errs)
		case format == "" && !strings.Contains(out, "100 of 100 SYNs sent in "):
			t.Errorf("got %q, want 100 of 100 SYNs", out)
		case format != "" && (json.Unmarshal([]byte(out), &r) != nil || r.Sent != 100 || r.Rate <= 0):
			t.Errorf("got %s, want JSON with 100 SYNs and a rate", out)
		}
	}
}
