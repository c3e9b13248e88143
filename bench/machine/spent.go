package machine

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// tick is a second divided by USER_HZ, what /proc counts CPU time in.
const tick = 10 * time.Millisecond

// Spent is CPU time since the machine or a process started, in steps of 10 ms: two
// readings tell what was spent between them. Most kernels sample it.
type Spent struct {
	User, System  time.Duration // hard interrupts are the system's
	Softirq, Idle time.Duration // of CPUs only
	Stolen        time.Duration // of CPUs only: what the hypervisor gave to other machines
}

// Busy is all time but idle and stolen.
func (s Spent) Busy() time.Duration { return s.User + s.System + s.Softirq }

// Since is what was spent after an earlier reading.
func (s Spent) Since(before Spent) Spent {
	return Spent{
		s.User - before.User, s.System - before.System, s.Softirq - before.Softirq,
		s.Idle - before.Idle, s.Stolen - before.Stolen,
	}
}

// Plus is the sum of two.
func (s Spent) Plus(t Spent) Spent {
	return Spent{s.User + t.User, s.System + t.System, s.Softirq + t.Softirq, s.Idle + t.Idle, s.Stolen + t.Stolen}
}

// All is the key of all CPUs together in what CPUs returns.
const All = -1

// CPUs reads what each CPU has spent (proc_stat(5)), by number.
func CPUs(host fs.FS) (map[int]Spent, error) {
	text, err := fs.ReadFile(host, "proc/stat")
	if err != nil {
		return nil, err
	}
	cpus := make(map[int]Spent)
	for line := range strings.Lines(string(text)) {
		name, ok := strings.CutPrefix(line, "cpu")
		if !ok {
			continue
		}
		f := strings.Fields(name)
		n := All
		if name[0] != ' ' {
			if n, err = strconv.Atoi(f[0]); err != nil {
				return nil, fmt.Errorf("/proc/stat: %w", err)
			}
			f = f[1:]
		}
		t, err := ticks(f, 0, 8) // user, nice, system, idle, iowait, irq, softirq, steal
		if err != nil {
			return nil, fmt.Errorf("/proc/stat: %w", err)
		}
		cpus[n] = Spent{User: t[0] + t[1], System: t[2] + t[5], Softirq: t[6], Idle: t[3] + t[4], Stolen: t[7]}
	}
	return cpus, nil
}

// Process reads what a process, or "self", has spent itself, and what those of its
// children have that it has waited for (proc_pid_stat(5)).
func Process(host fs.FS, pid string) (own, children Spent, err error) {
	name := "proc/" + pid + "/stat"
	text, err := fs.ReadFile(host, name)
	if err != nil {
		return own, children, err
	}
	// The name, second, may hold anything, and ends with the last parenthesis.
	rest := string(text[strings.LastIndexByte(string(text), ')')+1:])
	t, err := ticks(strings.Fields(rest), 11, 4) // utime, stime, cutime, cstime
	if err != nil {
		return own, children, fmt.Errorf("/%s: %w", name, err)
	}
	return Spent{User: t[0], System: t[1]}, Spent{User: t[2], System: t[3]}, nil
}

// ticks reads n times from the first one on.
func ticks(fields []string, first, n int) ([]time.Duration, error) {
	if len(fields) < first+n {
		return nil, fmt.Errorf("%d fields, want %d", len(fields), first+n)
	}
	all := make([]time.Duration, n)
	for i := range all {
		t, err := strconv.ParseInt(fields[first+i], 10, 64)
		if err != nil {
			return nil, err
		}
		all[i] = time.Duration(t) * tick
	}
	return all, nil
}
