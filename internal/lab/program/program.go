//go:build linux

// Package program runs other people's programs in the lab's hosts: daemons that stay in the
// foreground and accept connections at an address.
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

// startTime is the longest time until a program accepts connections, and stopTime the
// longest time until it has ended. If its children have its output open after its end,
// outputTime later they are not waited for.
const (
	startTime  = 10 * time.Second
	stopTime   = 10 * time.Second
	outputTime = time.Second
)

// Program is a running program. One goroutine uses it.
type Program struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; valid after done
	said Output
}

// Start starts a program in a host. It returns when the program accepts connections at an
// address of this host.
func Start(ctx context.Context, h *lab.Host, at netip.AddrPort, cmd *exec.Cmd) (*Program, error) {
	p := &Program{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.said, &p.said
	cmd.WaitDelay = outputTime
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // for kill
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
			return nil, errors.Join(fmt.Errorf("%s ended: %w\n%s", cmd.Path, p.err, p.said.String()), p.kill())
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s does not answer at %s: %w\n%s", cmd.Path, at, err, p.said.String()), p.Stop())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// PIDs returns the ids of its process and of the processes that this one has started.
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

// Stop ends the program and waits for its end. If it does not end in time, it is killed.
// Children that it leaves behind are killed, too: nobody else would end them.
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
	return errors.Join(err, p.kill())
}

// kill kills what is left of the program's process group.
func (p *Program) kill() error {
	pid := p.cmd.Process.Pid
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("process group %d: %w", pid, err)
	}
	return nil
}

// Output collects the output of a program. It may be read while the program runs.
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
