package host

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// features are the kernel features that the director needs, and the versions that
// introduced them, oldest first. The last one decides which kernel is required.
var features = []struct {
	major, minor int
	name         string
}{
	{6, 4, "mapping AF_XDP rings again after bind (6.4)"},
	{6, 6, "tcx programs (6.6)"},
}

// Kernel returns an error if the running kernel is too old. It names the missing
// features.
func Kernel() error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	return checkRelease(unix.ByteSliceToString(u.Release[:]))
}

func checkRelease(release string) error {
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("kernel release %q has no version number: %w", release, err)
	}
	var missing []string
	for _, f := range features {
		if major < f.major || major == f.major && minor < f.minor {
			missing = append(missing, f.name)
		}
	}
	if missing == nil {
		return nil
	}
	floor := features[len(features)-1]
	return fmt.Errorf("kernel %s is too old, it lacks %s: boot Linux %d.%d or later",
		release, strings.Join(missing, " and "), floor.major, floor.minor)
}
