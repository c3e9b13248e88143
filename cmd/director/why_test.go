package main

import (
	"bytes"
	"strings"
	"testing"

	"director/internal/cli"
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
		{append([]string{"--flagfile=-"}, ask...), cli.OK, "server      10.0.0.11:8080 by NAT\n"},
		{append([]string{"--flagfile=-", "--json"}, ask...), cli.OK, `"action": "tx"`},
		{append([]string{"--flagfile=-", "--link=eth3=02:00:00:00:00:03", "--route=0.0.0.0/0=@eth3"}, ask...), cli.OK, "next hop    10.0.0.11 on eth3, whose Ethernet address is not known"},
		{[]string{"--flagfile=-", "tcp", "198.51.100.7", "192.0.2.10:80"}, cli.Usage, "want ADDRESS:PORT"},
		{[]string{"--flagfile=-", "tcp"}, cli.Usage, "want PROTO SRC DST"},
		{[]string{"--flagfile=-", "--in=x", "tcp"}, cli.Usage, `unexpected argument "tcp"`},
		{[]string{"--flagfile=-", "--in=/does/not/exist"}, cli.Usage, "--in: open /does/not/exist"},
		{[]string{"--flagfile=-", "--in=/dev/null"}, cli.Usage, "--in=/dev/null: the file is empty"},
		{[]string{"--flagfile=-", "icmp", "198.51.100.7", "192.0.2.10"}, cli.Usage, "an ICMP error goes where the connection goes"},
		{[]string{"--flagfile=-", "--in=x", "--flags=S"}, cli.Usage, "--flags: the frames"},
		{[]string{"--no-such-flag"}, cli.Usage, "unknown flag"},
		{[]string{"--help"}, cli.OK, "director why [flags] PROTO SRC DST"},
	} {
		var out, errs bytes.Buffer
		code := run(append([]string{"why"}, c.args...), cli.IO{In: strings.NewReader(whyRules), Out: &out, Err: &errs})
		if code != c.code || !strings.Contains(out.String()+errs.String(), c.want) {
			t.Errorf("%v: got exit %d, want %d and %q:\n%s%s", c.args, code, c.code, c.want, &out, &errs)
		}
	}
}
