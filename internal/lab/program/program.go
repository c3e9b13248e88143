package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"director/internal/lab"
)

// startTime is how long a program may take until it answers.
const startTime = 10 * time.Second

// process is a program that runs in the foreground.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; valid after done
	said output
}

// startProcess starts a program in a host and returns when it accepts connections
// at an address of that host.
func startProcess(ctx context.Context, h *lab.Host, at netip.AddrPort, cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
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

func (p *process) PIDs() []int { return []int{p.cmd.Process.Pid} }

func (p *process) Stop() error {
	err := p.cmd.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-p.done:
	case <-time.After(startTime):
		err = errors.Join(err, p.cmd.Process.Kill())
		<-p.done
	}
	return err
}

// output is what a program says, which may be read while it speaks.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// hold gives the service's address to the host itself, for programs that end the
// clients' connections.
func hold(s Site) error {
	return s.Host.AddAddr("lo", netip.PrefixFrom(s.Service.Addr(), s.Service.Addr().BitLen()))
}
