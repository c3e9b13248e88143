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

// Usage is CPU time, of all CPUs together.
type Usage struct {
	Total  time.Duration // that there was
	Others time.Duration // that anybody but this process and its children took
	Stolen time.Duration // that the hypervisor gave to other machines
}

// Used returns what was used since the machine started, of which two readings
// tell what was used between them.
func Used(host fs.FS) (Usage, error) {
	line, _, _ := strings.Cut(word(host, "proc/stat"), "\n")
	all, err := ticks(strings.Fields(line), 1, 8) // user, nice, system, idle, iowait, irq, softirq, steal
	if err != nil {
		return Usage{}, fmt.Errorf("/proc/stat: %w", err)
	}
	// The name, second, may hold anything, and ends with the last parenthesis.
	stat := word(host, "proc/self/stat")
	own, err := ticks(strings.Fields(stat[strings.LastIndex(stat, ")")+1:]), 11, 4) // utime, stime, cutime, cstime
	if err != nil {
		return Usage{}, fmt.Errorf("/proc/self/stat: %w", err)
	}
	busy := all[0] + all[1] + all[2] + all[5] + all[6]
	return Usage{
		Total:  busy + all[3] + all[4] + all[7],
		Others: busy - own[0] - own[1] - own[2] - own[3],
		Stolen: all[7],
	}, nil
}

// Since is what was used after an earlier reading. Both clocks of the kernel
// tick on their own, so that others may seem to give some back.
func (u Usage) Since(before Usage) Usage {
	return Usage{u.Total - before.Total, max(0, u.Others-before.Others), u.Stolen - before.Stolen}
}

// Share is a part of the total.
func (u Usage) Share(part time.Duration) float64 {
	if u.Total <= 0 {
		return 0
	}
	return float64(part) / float64(u.Total)
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
