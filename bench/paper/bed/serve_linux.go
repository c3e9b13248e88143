package bed

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"syscall"

	"director/bench/origin"
	"director/bench/paper"
	"director/internal/lab"
)

// serve starts the servers.
func (b *Bed) serve(ctx context.Context) error {
	for i, h := range b.lab.Servers {
		name := fmt.Sprintf("rs%d", i+1)
		start := b.embedded
		if b.setup.Server != paper.Embedded {
			start = b.origin
		}
		pids, err := start(ctx, h, name)
		if err != nil {
			return fmt.Errorf("server %s: %w", name, err)
		}
		b.subjects = append(b.subjects, subject{name, pids})
	}
	return nil
}

// origin starts a third-party web server.
func (b *Bed) origin(ctx context.Context, h *lab.Host, name string) (pids func() []int, err error) {
	s, err := origin.Find(b.setup.Server)
	if err != nil {
		return nil, err
	}
	if reason := s.Lacks(); reason != "" {
		return nil, fmt.Errorf("%w: %s", ErrLacks, reason)
	}
	b.versions[b.setup.Server] = s.Version()
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	p, err := s.Start(ctx, origin.Site{Host: h, Listen: anyAddress(port), Name: name, Workers: len(b.cpus), Dir: dir})
	if err != nil {
		return nil, err
	}
	b.stops = slices.Insert(b.stops, 0, p.Stop) // before its files are removed
	return p.PIDs, nil
}

// anyAddress returns a port at all addresses of a host.
func anyAddress(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.IPv4Unspecified(), port) }

// embedded starts the server of this program.
func (b *Bed) embedded(_ context.Context, h *lab.Host, name string) (pids func() []int, err error) {
	args := []string{"bench", "serve", "--listen=" + anyAddress(port).String(), "--name=" + name, fmt.Sprintf("--cap=%d", b.setup.Cap)}
	if b.setup.Workload == paper.TLS {
		args = append(args, "--tls")
	}
	cmd := b.self(args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := h.Start(cmd); err != nil {
		return nil, err
	}
	b.stops = append(b.stops, func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
		return cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "READY\n" {
		return nil, fmt.Errorf("it says %q (%w)", line, err)
	}
	return alone(cmd.Process.Pid), nil
}
