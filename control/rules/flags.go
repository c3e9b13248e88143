package rules

import (
	"fmt"
	"strings"

	"director/sched"
)

// flagNames lists the schedulers' flags in the order in which they are printed.
// Each of the kernel's three bits has a common name. It has a second name for a
// scheduler that gives the bit a meaning.
var flagNames = []struct {
	name      string
	scheduler string // the only scheduler that has it; "": any
	bit       sched.Flags
}{
	{"sh-fallback", "sh", sched.Fallback},
	{"sh-port", "sh", sched.Port},
	{"mh-fallback", "mh", sched.Fallback},
	{"mh-port", "mh", sched.Port},
	{"flag-1", "", sched.Fallback},
	{"flag-2", "", sched.Port},
	{"flag-3", "", sched.Third},
}

// flags reads the argument of -b: names of flags, which must fit the scheduler.
func (d *draft) flags() error {
	it := d.given[schedFlags]
	for _, name := range strings.Split(it.arg, ",") {
		if name == "" {
			continue
		}
		bit, err := flag(it.String(), name, d.given[scheduler].arg)
		if err != nil {
			return err
		}
		d.Service.Flags |= bit
	}
	return nil
}

func flag(where, name, scheduler string) (sched.Flags, error) {
	if scheduler == "" {
		scheduler = sched.Default
	}
	var all []string
	for _, f := range flagNames {
		if f.name == name && f.scheduler != "" && f.scheduler != scheduler {
			return 0, misused(where, fmt.Sprintf("incompatible scheduler flag `%s'", name),
				fmt.Errorf("it is for -s %s, this is %s", f.scheduler, scheduler))
		}
		if f.name == name {
			return f.bit, nil
		}
		all = append(all, f.name)
	}
	return 0, misused(where, fmt.Sprintf("invalid scheduler flag `%s'", name),
		fmt.Errorf("use one of %s", strings.Join(all, ", ")))
}

// ParseFlags reads names of flags. It refuses those of another scheduler.
func ParseFlags(names []string, scheduler string) (set sched.Flags, err error) {
	for _, name := range names {
		bit, err := flag("flags", name, scheduler)
		if err != nil {
			return 0, err
		}
		set |= bit
	}
	return set, nil
}

// FlagNames is the inverse of ParseFlags.
func FlagNames(set sched.Flags, scheduler string) []string {
	if set == 0 {
		return nil
	}
	return strings.Split(FlagList(set, scheduler), ",")
}

// FlagList returns the flags of a scheduler as a rule writes them, separated by
// commas.
func FlagList(set sched.Flags, scheduler string) string {
	var names []string
	for _, f := range flagNames {
		if set&f.bit != 0 && (f.scheduler == scheduler || f.scheduler == "") {
			names = append(names, f.name)
			set &^= f.bit
		}
	}
	return strings.Join(names, ",")
}
