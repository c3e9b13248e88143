//go:build linux

// Package program runs programs of others in the lab's hosts: daemons that stay in
// the foreground and answer at an address.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"director/internal/lab"
)

// startTime is how long a program may take until it answers, stopTime how long
// until it has ended.
const (
	startTime = 10 * time.Second
	stopTime  = 10 * time.Second
)

// Program is one that runs in the foreground. One goroutine uses it.
type Program struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; valid after done
	said Output
}

// Start starts a program in a host and returns when it accepts connections at an
// address of that host.
func Start(ctx context.Context, h *lab.Host, at netip.AddrPort, cmd *exec.Cmd) (*Program, error) {
	p := &Program{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.said, &p.said
	if err := h.Start(cmd); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		c, err := h.Dial(ctx, "tcp4", "", at.String())
		if err == nil {
			return p, c.Close()
		}
		select {
		case <-p.done:
			return nil, fmt.Errorf("%s ended: %w\n%s", cmd.Path, p.err, p.said.String())
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s does not answer at %s: %w\n%s", cmd.Path, at, err, p.said.String()), p.Stop())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// PIDs are its process, and those that it has started by now.
func (p *Program) PIDs() []int {
	pid := p.cmd.Process.Pid
	all := []int{pid}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)) // proc_pid_task(5)
	if err != nil {
		return all // it has ended
	}
	for word := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(word); err == nil {
			all = append(all, child)
		}
	}
	return all
}

// Stop ends it, and waits for that. One that does not end in time is killed, and
// its children with it, which nobody else would end.
func (p *Program) Stop() error {
	err := p.cmd.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-p.done:
	case <-time.After(stopTime):
		err = errors.Join(err, p.kill())
		<-p.done
	}
	return err
}

// kill ends it and its children at once: it first, lest it start others.
func (p *Program) kill() error {
	children := p.PIDs()[1:]
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	for _, pid := range children {
		if e := syscall.Kill(pid, syscall.SIGKILL); e != nil && !errors.Is(e, syscall.ESRCH) {
			err = errors.Join(err, fmt.Errorf("child %d: %w", pid, e))
		}
	}
	return err
}

// Output is what a program says, which may be read while it speaks.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
