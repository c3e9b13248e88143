//go:build linux

// Package process runs directors in the lab as separate processes. They are configured by a
// flags file, report when they are ready, and are ended by signals, as with systemd.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"director/internal/lab"
)

// Director is a director that runs in a host of a lab. Its methods may be
// called from any goroutine.
type Director struct {
	cmd  *exec.Cmd
	log  buffer
	done chan struct{} // closed when the process has ended
	err  error         // how it ended; valid after done

	control string
	status  atomic.Pointer[string]

	mu   sync.Mutex
	told []string // its notifications in order, without status lines
}

// Start starts cmd, which is "director run" with any arguments and environment, in a host of
// the lab. The director reads the flags, one per line, from its standard input. Start returns
// when the director reports that it is ready. An error contains the director's log.
func Start(ctx context.Context, h *lab.Host, cmd *exec.Cmd, flags []string) (*Director, error) {
	return start(ctx, h, cmd, func(control string) {
		cmd.Args = append(cmd.Args, "--flagfile=-")
		flags = append([]string{control}, flags...)
		cmd.Stdin = strings.NewReader(strings.Join(flags, "\n") + "\n")
	})
}

// StartFrom is like Start, but the director reads its flags from a file, which it can read
// again.
func StartFrom(ctx context.Context, h *lab.Host, cmd *exec.Cmd, file string) (*Director, error) {
	return start(ctx, h, cmd, func(control string) {
		cmd.Args = append(cmd.Args, control, "--flagfile="+file)
	})
}

// start starts a director. tell passes the flags to cmd, including the one for the control
// socket.
func start(ctx context.Context, h *lab.Host, cmd *exec.Cmd, tell func(control string)) (*Director, error) {
	dir, err := os.MkdirTemp("", "director-notify-")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "notify")
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for READY: %w", err), os.RemoveAll(dir))
	}
	// Like systemd's socket, directors of every user may use it.
	if err := errors.Join(os.Chmod(dir, 0o711), os.Chmod(path, 0o666)); err != nil {
		return nil, errors.Join(err, notify.Close(), os.RemoveAll(dir))
	}
	d := &Director{cmd: cmd, done: make(chan struct{})}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+path)
	// Each director has its own control socket unless flags name another one, because
	// the directors of several labs share one file system.
	run := filepath.Join(dir, "run")
	if err := errors.Join(os.Mkdir(run, 0o777), os.Chmod(run, 0o777)); err != nil {
		return nil, errors.Join(err, notify.Close(), os.RemoveAll(dir))
	}
	d.control = filepath.Join(run, "control.sock")
	tell("--control=" + d.control)
	cmd.Stdout, cmd.Stderr = &d.log, &d.log
	if err := h.Start(cmd); err != nil {
		return nil, errors.Join(err, notify.Close(), os.RemoveAll(dir))
	}
	go func() {
		d.err = cmd.Wait()
		d.err = errors.Join(d.err, notify.Close(), os.RemoveAll(dir))
		close(d.done)
	}()
	if err := d.await(ctx, notify); err != nil {
		_ = d.Kill()
		return nil, fmt.Errorf("%w\n%s", err, d.Log())
	}
	return d, nil
}

// await returns when READY has arrived, or when it cannot arrive any more. The director's
// notifications are read until it has ended.
func (d *Director) await(ctx context.Context, notify *net.UnixConn) error {
	ready := make(chan struct{})
	go func() {
		first := sync.OnceFunc(func() { close(ready) }) // a reload ends with READY, too
		b := make([]byte, 4096)
		for {
			n, err := notify.Read(b)
			if err != nil {
				return
			}
			if text, ok := strings.CutPrefix(string(b[:n]), "STATUS="); ok {
				d.status.Store(&text)
				continue
			}
			d.mu.Lock()
			d.told = append(d.told, string(b[:n]))
			d.mu.Unlock()
			if string(b[:n]) == "READY=1" {
				first()
			}
		}
	}()
	select {
	case <-ready:
		return nil
	case <-d.done:
		return fmt.Errorf("director ended before it was ready: %w", d.err)
	case <-ctx.Done():
		return fmt.Errorf("director is not ready: %w", ctx.Err())
	}
}

// Stop ends the director as a service manager would, and waits for its end. An exit code
// other than 0 is an error that contains the log.
func (d *Director) Stop() error { return d.end(syscall.SIGTERM) }

// StopForSuccessor is Stop for a director that another one on the same host follows at
// once, as systemd does for a restart.
func (d *Director) StopForSuccessor() error { return d.end(syscall.SIGUSR2) }

func (d *Director) end(how syscall.Signal) error {
	if err := d.cmd.Process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := d.Wait(); err != nil {
		return fmt.Errorf("director: %w\n%s", err, d.Log())
	}
	return nil
}

// PID returns the director's process id.
func (d *Director) PID() int { return d.cmd.Process.Pid }

// Kill ends the director without giving it a chance to clean up.
func (d *Director) Kill() error {
	if err := d.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-d.done
	return nil
}

// Wait waits until the director ends by itself, and returns its error.
func (d *Director) Wait() error {
	<-d.done
	return d.err
}

// Status returns the latest status line. The director sends one every second.
func (d *Director) Status() string {
	if s := d.status.Load(); s != nil {
		return *s
	}
	return ""
}

// Told returns the director's notifications so far, without status lines. The first one is
// READY=1.
func (d *Director) Told() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.told)
}

// Control returns the path of the director's control socket.
func (d *Director) Control() string { return d.control }

// Signal sends a signal to the director.
func (d *Director) Signal(s os.Signal) error { return d.cmd.Process.Signal(s) }

// Log returns the director's output so far.
func (d *Director) Log() string { return d.log.String() }

// buffer is a bytes.Buffer that may be read while it is written to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
