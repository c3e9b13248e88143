package peer

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"director/internal/lab/program"
)

// haproxy is HAProxy in TCP mode, with one thread for each worker.
type haproxy struct{}

func (haproxy) Lacks() string   { return lacks("haproxy") }
func (haproxy) Version() string { return firstLine("haproxy", "-v") }

func (haproxy) Start(ctx context.Context, s Site) (Running, error) {
	if err := addService(s); err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `global
	nbthread %d
defaults
	mode tcp
	timeout connect 2s
	timeout client 30s
	timeout server 30s
frontend service
	bind %s
	default_backend servers
backend servers
	balance roundrobin
`, max(1, s.Workers), s.Service)
	for i, a := range s.Servers {
		fmt.Fprintf(&b, "\tserver rs%d %s\n", i+1, a)
	}
	file := filepath.Join(s.Dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		return nil, err
	}
	return program.Start(ctx, s.Host, s.Service, exec.Command("haproxy", "-db", "-f", file))
}
