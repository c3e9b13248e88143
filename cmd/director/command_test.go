//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"director/internal/cli"
	"director/internal/lab"
	"director/internal/lab/process"
)

// ruled is a director that accepts commands.
type ruled struct{ *process.Director }

// startRuled is startDirector for tests that change the rules later.
func startRuled(t *testing.T, l *lab.Lab, ioKind string, flags ...string) ruled {
	t.Helper()
	return startRuledBy(t, l, directorCommand("run", "--io="+ioKind), flags...)
}

// startRuledBy is startRuled by a command of its own.
func startRuledBy(t *testing.T, l *lab.Lab, cmd *exec.Cmd, flags ...string) ruled {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := process.Start(ctx, l.Director, cmd, append(l.Flags(), flags...))
	must(t, err)
	stopAtEnd(t, d)
	return ruled{d}
}

// try runs a command of ipvsadm on the director.
func (d ruled) try(format string, args ...any) (out, errs string, code int) {
	return ctlAt(d.Control(), "", strings.Fields(fmt.Sprintf(format, args...))...)
}

// ctlAt is "director ctl" with a standard input.
func ctlAt(socket, in string, args ...string) (out, errs string, code int) {
	var o, e strings.Builder
	code = run(append([]string{"ctl", "--control=" + socket}, args...), cli.IO{In: strings.NewReader(in), Out: &o, Err: &e})
	return o.String(), e.String(), code
}

// rule is try for a command that must succeed; it returns what it printed.
func (d ruled) rule(t *testing.T, format string, args ...any) string {
	t.Helper()
	out, errs, code := d.try(format, args...)
	if code != cli.OK {
		t.Fatalf("%s: exit %d: %s%s", fmt.Sprintf(format, args...), code, out, errs)
	}
	return out
}
