// Package peer starts other balancers in the director's place: each is one Go
// file here, or one shell script somewhere (see Script). It needs Linux.
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

// Site is where a balancer is to work.
type Site struct {
	Host    *lab.Host        // the director's
	Service netip.AddrPort   // what the clients ask, over TCP
	Servers []netip.AddrPort // who answer; the host is their default gateway
	Workers int              // threads or processes that it may use, one for each CPU that it may have
	Dir     string           // for files; removed afterwards
}

// Running is a balancer that works.
type Running interface {
	// PIDs are its processes; none if it works in the kernel.
	PIDs() []int
	// Stop ends it and takes back what it did to the host.
	Stop() error
}

// Balancer is something that spreads TCP connections over servers.
type Balancer interface {
	// Lacks says why it cannot take part here; empty: it can.
	Lacks() string
	// Version is that of its program, in a few words.
	Version() string
	// Start returns when it works.
	Start(ctx context.Context, s Site) (Running, error)
}

// all are the balancers that are known by name.
var all = map[string]Balancer{
	"haproxy": haproxy{},
	"nginx":   nginx{},
	"nft":     nft{},
	"ipvs":    ipvs{},
}

// Names are those of all balancers, in order.
func Names() []string {
	names := make([]string, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Find returns the balancer of a name: one of Names, or the path of a script.
func Find(name string) (Balancer, error) {
	if b, ok := all[name]; ok {
		return b, nil
	}
	if strings.ContainsRune(name, filepath.Separator) {
		return Script{name}, nil
	}
	return nil, fmt.Errorf("balancer %q: want one of %s, or the path of a script", name, strings.Join(Names(), ", "))
}

// lacks says that a program is not installed.
func lacks(program string) string {
	if _, err := exec.LookPath(program); err != nil {
		return program + " is not installed"
	}
	return ""
}

// firstLine is the first line that a command prints, on whichever output.
func firstLine(name string, args ...string) string {
	out, _ := exec.Command(name, args...).CombinedOutput() // some say it and fail
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

// do runs a command in a host to its end.
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

// hold gives the service's address to the host itself, for programs that end the
// clients' connections.
func hold(s Site) error {
	return s.Host.AddAddr("lo", netip.PrefixFrom(s.Service.Addr(), s.Service.Addr().BitLen()))
}
