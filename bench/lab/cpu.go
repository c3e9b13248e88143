//go:build linux

package lab

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"director/bench/machine"
	"director/host/cpu"
)

// onCPU runs f on a CPU. It locks the goroutine to its thread meanwhile, and then
// restores the CPU affinity of the thread.
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

// spent returns the CPU time of some CPUs together since the machine started.
func spent(cpus []int) (sum machine.Spent, err error) {
	all, err := machine.CPUs(machine.Host)
	for _, c := range cpus {
		sum = sum.Plus(all[c])
	}
	return sum, err
}

// CPU clocks of other processes and threads (linux/posix-timers_types.h): the
// complement of the id, combined with the type of the clock.
const (
	clockSched     = 2 // CPUCLOCK_SCHED
	clockPerThread = 4 // CPUCLOCK_PERTHREAD_MASK
)

// processTime returns the CPU time that a process has used. It includes softirqs
// that interrupted the process, unless the kernel accounts for them separately.
func processTime(pid int) (time.Duration, error) {
	return clockTime(int32(^pid)<<3 | clockSched)
}

// threadTime returns the same for a thread of this process.
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
