package host

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// capabilities are needed to open ports and to attach programs.
var capabilities = []struct {
	bit  uint
	name string
}{
	{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{unix.CAP_NET_RAW, "CAP_NET_RAW"},
	{unix.CAP_BPF, "CAP_BPF"},
	{unix.CAP_PERFMON, "CAP_PERFMON"}, // the verifier requires it for pointer arithmetic
}

// Privileges returns an error if the calling thread lacks capabilities. It names them.
func Privileges() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // version 3 is 64 bits wide: two of them
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	var all, missing []string
	for _, c := range capabilities {
		all = append(all, c.name)
		if data[c.bit/32].Effective&(1<<(c.bit%32)) == 0 {
			missing = append(missing, c.name)
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("no privilege: %s missing: run as root, or with "+
		"AmbientCapabilities=%s in the unit file", strings.Join(missing, ", "), strings.Join(all, " "))
}
