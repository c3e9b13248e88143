package config

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"director/dataplane/sysctl"
)

// changeable contains the flags that a reload can change. Rules and sysctls can change
// as well.
var changeable = []string{"timeouts", "neighbor", "skip-unreachable", "log-level"}

// Unchangeable returns the names of the flags that differ between c and next, but cannot
// be changed while a director runs.
func (c *Config) Unchangeable(next *Config) (names []string) {
	after := newFlags(next)
	newFlags(c).VisitAll(func(f *pflag.Flag) {
		name := strings.ReplaceAll(f.Name, "-", "_")
		if slices.Contains(changeable, f.Name) || slices.Contains(sysctl.Names(), name) {
			return
		}
		if !slices.Equal(f.Value.(value).get(), after.Lookup(f.Name).Value.(value).get()) {
			names = append(names, "--"+f.Name)
		}
	})
	return names
}
