package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// ipvs is the kernel's IPVS, masquerading, configured by ipvsadm.
type ipvs struct{}

func (ipvs) Lacks() string {
	if _, err := os.Stat("/proc/net/ip_vs"); err != nil {
		return "the kernel has no IPVS, or the module ip_vs is not loaded"
	}
	return lacks("ipvsadm")
}

func (ipvs) Version() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return "Linux " + strings.TrimSpace(string(release)) + ", " + firstLine("ipvsadm", "--version")
}

func (ipvs) Start(ctx context.Context, s Site) (Running, error) {
	if err := addService(s); err != nil {
		return nil, err
	}
	lines := fmt.Sprintf("-A -t %s -s rr\n", s.Service)
	for _, a := range s.Servers {
		lines += fmt.Sprintf("-a -t %s -r %s -m\n", s.Service, a)
	}
	clearAll := func() error { return do(context.Background(), s.Host, "", "ipvsadm", "-C") }
	if err := do(ctx, s.Host, lines, "ipvsadm", "-R"); err != nil {
		return nil, errors.Join(err, clearAll())
	}
	return kernel(clearAll), nil
}
