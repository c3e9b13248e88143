// Package peer starts other balancers in place of the director. Each one is a Go
// file here, or a shell script anywhere (see Script). It needs Linux.
package peer

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"director/internal/lab"
)

// Site describes where a balancer runs.
type Site struct {
	Host    *lab.Host        // the host that the director would run on
	Service netip.AddrPort   // the address that clients connect to, over TCP
	Servers []netip.AddrPort // the real servers; the host is their default gateway
	Workers int              // threads or processes that it may use, one for each CPU
	Dir     string           // for files; the caller removes it afterwards
}

// Running is a started balancer.
type Running interface {
	// PIDs returns its process ids, none if it runs in the kernel.
	PIDs() []int
	// Stop ends it and reverts its changes to the host.
	Stop() error
}

// Balancer distributes TCP connections over servers.
type Balancer interface {
	// Lacks returns why the balancer cannot be used here, empty if it can.
	Lacks() string
	// Version returns the version of its program, in a few words.
	Version() string
	// Start starts the balancer and returns when it is ready.
	Start(ctx context.Context, s Site) (Running, error)
}

// all contains the balancers that have a name.
var all = map[string]Balancer{
	"haproxy": haproxy{},
	"nginx":   nginx{},
	"nft":     nft{},
	"ipvs":    ipvs{},
}

// Names returns the names of all balancers, sorted.
func Names() []string {
	names := make([]string, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Find returns the balancer for one of Names, or for the path of a script.
func Find(name string) (Balancer, error) {
	if b, ok := all[name]; ok {
		return b, nil
	}
	if strings.ContainsRune(name, filepath.Separator) {
		return Script{name}, nil
	}
	return nil, fmt.Errorf("balancer %q: want one of %s, or the path of a script", name, strings.Join(Names(), ", "))
}

// lacks returns a message if a program is not installed.
func lacks(program string) string {
	if _, err := exec.LookPath(program); err != nil {
		return program + " is not installed"
	}
	return ""
}

// firstLine returns the first line that a command prints, on stdout or stderr.
func firstLine(name string, args ...string) string {
	out, _ := exec.Command(name, args...).CombinedOutput() // some programs print the version and still fail
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

// do runs a command in a host and waits for its end.
func do(ctx context.Context, h *lab.Host, stdin string, name string, args ...string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &said, &said
	err := h.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}

// addService assigns the service's address to the host itself, for programs that
// terminate the clients' connections.
func addService(s Site) error {
	return s.Host.AddAddr("lo", netip.PrefixFrom(s.Service.Addr(), s.Service.Addr().BitLen()))
}
