//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"director/control"
	"director/control/ipvsadm"
	"director/daemon"
	"director/internal/lab"
	"director/internal/lab/process"
)

// commandFD is the socket by which an obedient director takes commands: the
// first of exec.Cmd's extra files.
const commandFD = 3

// runObedient is "director run" for tests that change a director while it runs.
func runObedient() int {
	c, code := configure("run", os.Args[2:], stdio{os.Stdin, os.Stdout, os.Stderr})
	if c == nil {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	d := daemon.New(c, newLogger(c, os.Stderr))
	err := d.Start(ctx)
	if err == nil {
		go obey(d.Control(), os.NewFile(commandFD, "commands"))
		err = d.Wait(ctx)
	}
	if err := errors.Join(err, d.Stop()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return exitOK
}

// obey carries out ipvsadm's commands, one a line, and answers each with a line
// of what was printed, quoted, and the exit code.
func obey(d *control.Control, socket io.ReadWriter) {
	for lines := bufio.NewScanner(socket); lines.Scan(); {
		var out strings.Builder
		c, err := ipvsadm.Parse(strings.Fields(lines.Text()), ipvsadm.System{})
		code := exitUsage
		if err != nil {
			fmt.Fprintln(&out, err)
		} else {
			code = ipvsadm.Execute(c, d, strings.NewReader(""), &out, &out)
		}
		fmt.Fprintf(socket, "%q %d\n", out.String(), code)
	}
}

// ruled is a director that takes commands.
type ruled struct {
	*process.Director
	socket  io.Writer
	answers *bufio.Reader
}

// startRuled is startDirector for tests that change the rules later.
func startRuled(t *testing.T, l *lab.Lab, ioKind string, flags ...string) *ruled {
	t.Helper()
	return startRuledBy(t, l, directorCommand("run", "--io="+ioKind), flags...)
}

// startRuledBy is startRuled by a command of its own.
func startRuledBy(t *testing.T, l *lab.Lab, cmd *exec.Cmd, flags ...string) *ruled {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	must(t, err)
	here, there := os.NewFile(uintptr(fds[0]), "commands"), os.NewFile(uintptr(fds[1]), "commands")
	defer there.Close()
	t.Cleanup(func() { here.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd.Env = append(cmd.Env, mainEnv+"="+obedient)
	cmd.ExtraFiles = append([]*os.File{there}, cmd.ExtraFiles...)
	d, err := process.Start(ctx, l.Director, cmd, append(l.Flags(), flags...))
	must(t, err)
	stopAtEnd(t, d)
	return &ruled{d, here, bufio.NewReader(here)}
}

// rule has the director carry out a command of ipvsadm, which must succeed, and
// returns what it printed.
func (d *ruled) rule(t *testing.T, format string, args ...any) string {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	if _, err := fmt.Fprintln(d.socket, line); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	var out string
	var code int
	if _, err := fmt.Fscanf(d.answers, "%q %d\n", &out, &code); err != nil || code != exitOK {
		t.Fatalf("%s: exit %d, %v: %s", line, code, err, out)
	}
	return out
}
