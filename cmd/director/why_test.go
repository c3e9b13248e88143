package main

import (
	"bytes"
	"strings"
	"testing"
)

const whyRules = `-A -t 192.0.2.10:80 -s rr
-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m
`

func TestWhy_ExplainsByRulesAlone(t *testing.T) {
	ask := []string{"tcp", "198.51.100.7:40000", "192.0.2.10:80"}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{append([]string{"--flagfile=-"}, ask...), exitOK, "server      10.0.0.11:8080 by NAT\n"},
		{append([]string{"--flagfile=-", "--json"}, ask...), exitOK, `"action": "tx"`},
		{append([]string{"--flagfile=-", "--link=eth3=02:00:00:00:00:03", "--route=0.0.0.0/0=@eth3"}, ask...), exitOK, "next hop    10.0.0.11 on eth3, whose Ethernet address is not known"},
		{[]string{"--flagfile=-", "tcp", "198.51.100.7", "192.0.2.10:80"}, exitUsage, "want ADDRESS:PORT"},
		{[]string{"--flagfile=-", "tcp"}, exitUsage, "want PROTO SRC DST"},
		{[]string{"--flagfile=-", "--in=x", "tcp"}, exitUsage, `unexpected argument "tcp"`},
		{[]string{"--flagfile=-", "--in=/does/not/exist"}, exitUsage, "--in: open /does/not/exist"},
		{[]string{"--flagfile=-", "--in=x", "--flags=S"}, exitUsage, "--flags: the frames"},
		{[]string{"--no-such-flag"}, exitUsage, "unknown flag"},
		{[]string{"--help"}, exitOK, "director why [flags] PROTO SRC DST"},
	} {
		var out, errs bytes.Buffer
		code := run(append([]string{"why"}, c.args...), stdio{strings.NewReader(whyRules), &out, &errs})
		if code != c.code || !strings.Contains(out.String()+errs.String(), c.want) {
			t.Errorf("%v: exit %d, want %d and %q:\n%s%s", c.args, code, c.code, c.want, &out, &errs)
		}
	}
}
