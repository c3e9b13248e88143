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

// Difference is a flag that differs between two configurations, as lines of a flags file.
type Difference struct{ From, To []string }

// Differences returns the flags that differ between c and next. Rules are not flags.
func (c *Config) Differences(next *Config) (all []Difference) {
	after := newFlags(next)
	newFlags(c).VisitAll(func(f *pflag.Flag) {
		from, to := lines(f), lines(after.Lookup(f.Name))
		if !slices.Equal(from, to) {
			all = append(all, Difference{from, to})
		}
	})
	return all
}

// lines returns the lines of a flags file that give f its value.
func lines(f *pflag.Flag) []string {
	all := []string{}
	for _, setting := range f.Value.(value).get() {
		all = append(all, "--"+f.Name+"="+setting)
	}
	return all
}

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
