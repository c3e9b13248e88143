package ipvsadm

import (
	"fmt"
	"strings"

	"director/sched"
)

// schedFlags are the names of schedulers' flags, in the order in which they are
// printed. The kernel's three bits have a name of their own where the scheduler
// gives them a meaning, and a common one everywhere.
var schedFlags = []struct {
	name      string
	scheduler string // the one that it fits, "" for any
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

// flags reads a comma list of flags, all of which must fit the scheduler.
func flags(it item, scheduler string) (set sched.Flags, err error) {
	if it.option == nil {
		return 0, nil
	}
	for _, name := range strings.Split(it.arg, ",") {
		bit, err := flag(name, scheduler)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", it, err)
		}
		set |= bit
	}
	return set, nil
}

func flag(name, scheduler string) (sched.Flags, error) {
	var all []string
	for _, f := range schedFlags {
		if f.name == name && f.scheduler != "" && f.scheduler != scheduler {
			return 0, fmt.Errorf("incompatible scheduler flag `%s': it is for -s %s, this is %s", name, f.scheduler, scheduler)
		}
		if f.name == name {
			return f.bit, nil
		}
		all = append(all, f.name)
	}
	return 0, fmt.Errorf("no scheduler flag `%s': use one of %s", name, strings.Join(all, ", "))
}

// flagNames is how a rule names the flags of a scheduler.
func flagNames(set sched.Flags, scheduler string) string {
	var names []string
	for _, f := range schedFlags {
		if set&f.bit != 0 && (f.scheduler == scheduler || f.scheduler == "") {
			names = append(names, f.name)
			set &^= f.bit
		}
	}
	return strings.Join(names, ",")
}
