package machine

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// tick is 1 s divided by USER_HZ, the unit of CPU time in /proc.
const tick = 10 * time.Millisecond

// Spent is the CPU time since the machine or a process started, in steps of 10 ms.
// The difference of two readings is the CPU time between them. Most kernels sample
// it.
type Spent struct {
	User, System  time.Duration // System includes hard interrupts
	Softirq, Idle time.Duration // of CPUs only
	Stolen        time.Duration // of CPUs only: time that the hypervisor gave to other machines
}

// Busy returns all time except idle and stolen time.
func (s Spent) Busy() time.Duration { return s.User + s.System + s.Softirq }

// Since returns the time spent after an earlier reading.
func (s Spent) Since(before Spent) Spent {
	return Spent{
		s.User - before.User, s.System - before.System, s.Softirq - before.Softirq,
		s.Idle - before.Idle, s.Stolen - before.Stolen,
	}
}

// Plus returns the sum of two readings.
func (s Spent) Plus(t Spent) Spent {
	return Spent{s.User + t.User, s.System + t.System, s.Softirq + t.Softirq, s.Idle + t.Idle, s.Stolen + t.Stolen}
}

// All is the key of the sum of all CPUs in the result of CPUs.
const All = -1

// CPUs returns the time that each CPU has spent (proc_stat(5)), by CPU number.
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

// Process returns the time that a process, or "self", has spent, and the time of
// those children that it has waited for (proc_pid_stat(5)).
func Process(host fs.FS, pid string) (own, children Spent, err error) {
	name := "proc/" + pid + "/stat"
	text, err := fs.ReadFile(host, name)
	if err != nil {
		return own, children, err
	}
	// The name (field 2) may contain any character. It ends with the last
	// parenthesis.
	rest := string(text[strings.LastIndexByte(string(text), ')')+1:])
	t, err := ticks(strings.Fields(rest), 11, 4) // utime, stime, cutime, cstime
	if err != nil {
		return own, children, fmt.Errorf("/%s: %w", name, err)
	}
	return Spent{User: t[0], System: t[1]}, Spent{User: t[2], System: t[3]}, nil
}

// ticks parses n times, starting with field first.
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
