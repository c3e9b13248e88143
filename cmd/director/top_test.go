//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"director/control"
	"director/internal/cli"
	"director/packet"
	"director/service"
	"director/view/figures"
	"director/view/top"
)

// runTop runs "director top" with a source of figures in place of a running director.
func runTop(line string) (code int, out, err string) {
	var o, e bytes.Buffer
	open := func(socket string) top.Source {
		began := time.Now()
		return func(context.Context) (figures.Figures, []control.Service, error) {
			if socket != controlSocket() {
				return figures.Figures{}, nil, fmt.Errorf("dial unix %s: no such file or directory", socket)
			}
			s := control.Service{Spec: service.Spec{
				Key: service.Key{Addr: packet.MustAddr("192.0.2.10"), Port: 80, Proto: packet.ProtoTCP}, Scheduler: "wlc",
			}}
			return figures.Figures{At: time.Now(), Started: began, PID: 4242}, []control.Service{s}, nil
		}
	}
	p := &cli.Program{Name: "director", Path: "director", Verbs: []cli.Verb{topVerb(open)}}
	code = p.Run(append([]string{"top"}, strings.Fields(line)...), cli.IO{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func TestTop_PrintsOnceWithoutATerminal(t *testing.T) {
	code, out, err := runTop("--once --interval=100ms")
	if code != cli.OK || err != "" || strings.Count(out, "pid 4242") != 1 || !strings.Contains(out, "\nTCP 192.0.2.10:80 wlc") ||
		strings.ContainsRune(out, '\x1b') {
		t.Errorf("exit %d, stderr %q, want 0 and one page without escape codes, got\n%s", code, err, out)
	}
}

func TestTop_ReportsErrors(t *testing.T) {
	for line, want := range map[string]struct {
		code int
		err  string
	}{
		"--once --control=/nowhere": {cli.Failed, "dial unix /nowhere: no such file or directory\n"},
		"--interval=5ms":            {cli.Usage, "--interval: 5ms: must be 100ms or more\n"},
		"now":                       {cli.Usage, "unexpected argument \"now\": flags begin with --\n"},
		"--often":                   {cli.Usage, "unknown flag: --often\n"},
	} {
		if code, out, err := runTop(line); code != want.code || err != want.err || out != "" {
			t.Errorf("%s: exit %d, stdout %q, stderr %q, want %d and %q", line, code, out, err, want.code, want.err)
		}
	}
	if code, out, err := runTop("--help"); code != cli.OK || err != "" || !strings.Contains(out, "--interval duration") {
		t.Errorf("--help: exit %d, stderr %q, stdout\n%s", code, err, out)
	}
}
