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

// ctlDirector is a director to which a test sends ctl commands.
type ctlDirector struct{ *process.Director }

// startCtl is startDirector for tests that change the rules later.
func startCtl(t *testing.T, l *lab.Lab, ioKind string, flags ...string) ctlDirector {
	t.Helper()
	return startCtlCommand(t, l, directorCommand("run", "--io="+ioKind), flags...)
}

// startCtlCommand is startCtl with the command that starts the director.
func startCtlCommand(t *testing.T, l *lab.Lab, cmd *exec.Cmd, flags ...string) ctlDirector {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := process.Start(ctx, l.Director, cmd, append(l.Flags(), flags...))
	must(t, err)
	stopAtEnd(t, d)
	return ctlDirector{d}
}

// try runs a command of ipvsadm on the director.
func (d ctlDirector) try(format string, args ...any) (out, errs string, code int) {
	return ctlAt(d.Control(), "", strings.Fields(fmt.Sprintf(format, args...))...)
}

// ctlAt runs "director ctl" on a control socket, with in as standard input.
func ctlAt(socket, in string, args ...string) (out, errs string, code int) {
	var o, e strings.Builder
	code = run(append([]string{"ctl", "--control=" + socket}, args...), cli.IO{In: strings.NewReader(in), Out: &o, Err: &e})
	return o.String(), e.String(), code
}

// rule is try for a command that must succeed. It returns the standard output.
func (d ctlDirector) rule(t *testing.T, format string, args ...any) string {
	t.Helper()
	out, errs, code := d.try(format, args...)
	if code != cli.OK {
		t.Fatalf("%s: exit %d: %s%s", fmt.Sprintf(format, args...), code, out, errs)
	}
	return out
}
