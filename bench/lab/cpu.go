//go:build linux

package lab

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"director/host/cpu"
)

// onCPU runs f on a CPU. The calling goroutine is locked to its thread, which
// may run where it could before when f has returned.
func onCPU(c int, f func() error) error {
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("read the CPU affinity: %w", err)
	}
	if err := cpu.Pin(c); err != nil {
		return err
	}
	defer func() { _ = unix.SchedSetaffinity(0, &before) }()
	return f()
}

// usage is what CPUs have spent since the machine started, in steps of 10 ms.
type usage struct {
	softirq time.Duration // in softirq context, whoever was interrupted
	busy    time.Duration // not idle, softirq included
}

// tick is a second divided by USER_HZ, what /proc/stat counts in.
const tick = 10 * time.Millisecond

// usageOf reads what some CPUs have spent (proc_stat(5)).
func usageOf(cpus []int) (u usage, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		n, err := strconv.Atoi(strings.TrimPrefix(f[0], "cpu"))
		if err != nil || len(f) < 9 || !slices.Contains(cpus, n) {
			continue
		}
		var t [8]time.Duration // user, nice, system, idle, iowait, irq, softirq, steal
		for i := range t {
			ticks, err := strconv.ParseInt(f[i+1], 10, 64)
			if err != nil {
				return u, fmt.Errorf("/proc/stat: %w", err)
			}
			t[i] = time.Duration(ticks) * tick
		}
		u.softirq += t[6]
		u.busy += t[0] + t[1] + t[2] + t[5] + t[6]
	}
	return u, nil
}

// The CPU clocks of other processes and threads, linux/posix-timers_types.h:
// the complement of the id, and what is to be counted of whom.
const (
	clockSched     = 2 // CPUCLOCK_SCHED
	clockPerThread = 4 // CPUCLOCK_PERTHREAD_MASK
)

// processTime is the CPU time that a process has used, the softirqs that
// interrupted it included unless the kernel accounts for them apart.
func processTime(pid int) (time.Duration, error) {
	return clockTime(int32(^pid)<<3 | clockSched)
}

// threadTime is the same of a thread of this process.
func threadTime(tid int) (time.Duration, error) {
	return clockTime(int32(^tid)<<3 | clockSched | clockPerThread)
}

func clockTime(clock int32) (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("read a CPU clock: %w", err)
	}
	return time.Duration(t.Nano()), nil
}
