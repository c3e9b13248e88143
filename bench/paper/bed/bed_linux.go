// Package bed builds the setups of the evaluation in network namespaces and
// measures them. It needs root and Linux.
package bed

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"director/bench/load"
	"director/bench/paper"
	"director/bench/peer"
	"director/internal/lab"
	"director/internal/lab/process"
	"director/internal/ranges"
	"director/service"
)

// ErrLacks is matched by the error of a setup that cannot be built on this machine.
// The error contains the reason.
var ErrLacks = errors.New("cannot take part")

// Self returns the command "director ARGS…", where ARGS may be a verb of director-bench.
type Self func(args ...string) *exec.Cmd

// port is the port of the service and of the servers.
const port = 80

// sources is the number of client addresses: the paper had 14 client machines.
const sources = 14

// Bed is a running setup. One goroutine uses it.
type Bed struct {
	self     Self
	setup    paper.Setup
	cpus     []int
	lab      *lab.Lab
	target   netip.AddrPort
	director *process.Director
	peer     peer.Running
	subjects []subject // whose CPU time is reported
	versions map[string]string
	share    *quota
	stops    []func() error // stop the servers and remove files
}

// subject is a group of processes whose CPU time is reported under one name.
type subject struct {
	name string
	pids func() []int
}

// alone returns the list of a process without children.
func alone(pid int) func() []int { return func() []int { return []int{pid} } }

// Build builds a setup on these CPUs. Everything that it created is removed by
// Close, or when ctx ends.
func Build(ctx context.Context, self Self, s paper.Setup, cpus []int) (b *Bed, err error) {
	b = &Bed{self: self, setup: s, cpus: cpus, versions: make(map[string]string)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", s.Key(), err), b.Close())
		}
	}()
	if s.Client != "" {
		if b.versions[s.Client], err = versionOf(s.Client); err != nil {
			return b, err
		}
	}
	methods := map[string]service.Method{paper.DR: service.DR, paper.TUN: service.TUN}
	c := lab.Config{
		Sources: sources, Servers: s.Servers, Method: methods[s.Method], Queues: [2]int{max(1, s.Workers), max(1, s.Workers)},
	}
	if s.Balancer == paper.Direct {
		c.Method = service.DR // because its clients have a route to the servers
	}
	if b.lab, err = lab.New(ctx, c); err != nil {
		return b, err
	}
	if err := b.serve(ctx); err != nil {
		return b, err
	}
	b.target = netip.AddrPortFrom(b.lab.VIP, port)
	switch s.Balancer {
	case paper.Direct, paper.Forward:
		b.target = netip.AddrPortFrom(b.lab.Servers[0].Addr, port)
		return b, nil
	case paper.Director:
		return b, b.startDirector(ctx)
	}
	return b, b.startPeer(ctx)
}

// startDirector starts the director.
func (b *Bed) startDirector(ctx context.Context) error {
	s := b.setup
	scheduler := s.Scheduler
	if scheduler == "" {
		scheduler = "rr"
	}
	io := s.IO
	if io == "" {
		io = "xdp"
	}
	workers := make([]int, s.Workers)
	for i := range workers {
		workers[i] = b.cpus[i%len(b.cpus)]
	}
	args := []string{"run", "--io=" + io, "--http=", "--log-level=warn", "--cpus=" + ranges.Format(workers)}
	if s.GiantLock {
		args = append(args, "--giant-lock")
	}
	flags := append(b.lab.Flags(), b.lab.Rules("tcp", scheduler, port, port)...)
	if s.Servers == 1 {
		flags = append(flags, b.lab.Rules("tcp", scheduler, sweepPort, sweepPort)...)
	}
	var err error
	if b.director, err = process.Start(ctx, b.lab.Director, b.self(args...), flags); err != nil {
		return err
	}
	b.subjects = append([]subject{{"director", alone(b.director.PID())}}, b.subjects...)
	if s.Quota > 0 {
		if err := b.warm(); err != nil {
			return err
		}
		b.share, err = limitWorkers(b.director.PID(), s.Workers, s.Quota)
	}
	return err
}

// warm makes the director touch its memory. The kernel allocates each page at the
// first access, in the worker's time, which would soon use up a small share of a
// CPU.
func (b *Bed) warm() error {
	c, err := b.clients(2000, &paper.Options{Duration: 500 * time.Millisecond})
	if err != nil {
		return err
	}
	return c.result(new(load.Report))
}

// startPeer starts another balancer in place of the director.
func (b *Bed) startPeer(ctx context.Context) error {
	p, err := peer.Find(b.setup.Balancer)
	if err != nil {
		return err
	}
	if reason := p.Lacks(); reason != "" {
		return fmt.Errorf("%w: %s", ErrLacks, reason)
	}
	dir, err := b.folder()
	if err != nil {
		return err
	}
	site := peer.Site{
		Host: b.lab.Director, Service: b.target, Workers: len(b.cpus), Dir: dir,
	}
	for _, h := range b.lab.Servers {
		site.Servers = append(site.Servers, netip.AddrPortFrom(h.Addr, port))
	}
	b.versions[b.setup.Balancer] = p.Version()
	if b.peer, err = p.Start(ctx, site); err != nil {
		return err
	}
	if len(b.peer.PIDs()) > 0 {
		b.subjects = append([]subject{{b.setup.Balancer, b.peer.PIDs}}, b.subjects...)
	}
	return nil
}

// folder creates a directory for a program's files, which Close removes. Programs
// that drop root privileges can enter it.
func (b *Bed) folder() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "director-bed-"); err != nil {
		return "", err
	}
	b.stops = append(b.stops, func() error { return os.RemoveAll(dir) })
	return dir, os.Chmod(dir, 0o755)
}

// Versions returns the versions of the programs that are used, except the director.
func (b *Bed) Versions() map[string]string { return b.versions }

// versionOf runs a client program, which prints its version first, possibly after
// warnings.
func versionOf(client string) (string, error) {
	out, err := exec.Command(client, "--version").CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%w: %s is not installed", ErrLacks, client)
	}
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "warning") {
			return strings.TrimSpace(line), nil
		}
	}
	return client, nil
}

// Close stops and removes the setup.
func (b *Bed) Close() error {
	var errs []error
	if b.share != nil {
		errs = append(errs, b.share.close())
	}
	if b.director != nil {
		errs = append(errs, b.director.Stop())
	}
	if b.peer != nil {
		errs = append(errs, b.peer.Stop())
	}
	for _, stop := range b.stops {
		errs = append(errs, stop())
	}
	if b.lab != nil {
		errs = append(errs, b.lab.Close())
	}
	return errors.Join(errs...)
}

// settle is the time that a client needs to start before its first connection.
const settle = 100 * time.Millisecond
