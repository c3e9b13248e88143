// Package cpu chooses a CPU for each worker and pins threads to them.
package cpu

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"director/host"
	"director/internal/ranges"
)

// onlineFile lists the CPUs that are online. It is the same in every namespace.
const onlineFile = "/sys/devices/system/cpu/online"

// Online returns the CPUs that are running, in ascending order.
func Online() ([]int, error) {
	text, err := os.ReadFile(onlineFile)
	if err != nil {
		return nil, fmt.Errorf("list online CPUs: %w", err)
	}
	cpus, err := ParseList(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", onlineFile, err)
	}
	return cpus, nil
}

// Allowed returns the CPUs that the calling thread may run on (taskset, cpuset,
// CPUAffinity= of a unit), in ascending order. Ask before pinning.
func Allowed() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("read the CPU affinity: %w", err)
	}
	var cpus []int
	for c := range len(set) * 64 {
		if set.IsSet(c) {
			cpus = append(cpus, c)
		}
	}
	return cpus, nil
}

// Pin keeps the calling thread on one CPU. Precondition: the goroutine is locked to its
// thread (runtime.LockOSThread). Otherwise other goroutines run on the pinned thread.
func Pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin a worker to CPU %d: %w", cpu, err)
	}
	return nil
}

// Name sets the name of the calling thread for ps, top and perf. The kernel keeps 15
// bytes of it. Precondition: as for Pin.
func Name(name string) error {
	if err := os.WriteFile(fmt.Sprintf("/proc/self/task/%d/comm", unix.Gettid()), []byte(name), 0); err != nil {
		return fmt.Errorf("name a thread %s: %w", name, err)
	}
	return nil
}

// Confine restricts the process to the listed CPUs: its present threads, and those that
// they start. A thread may still pin itself to another CPU afterwards.
func Confine(cpus []int) error {
	var set unix.CPUSet
	for _, c := range cpus {
		set.Set(c)
	}
	seen := make(map[int]bool)
	// A thread that is started during a round by one that is not confined yet is
	// found in the next round.
	for again := true; again; {
		again = false
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("list the threads of the process: %w", err)
		}
		for _, t := range tasks {
			tid, err := strconv.Atoi(t.Name())
			if err != nil || seen[tid] {
				continue
			}
			seen[tid], again = true, true
			if err := unix.SchedSetaffinity(tid, &set); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("confine thread %d to CPUs %s: %w", tid, ranges.Format(cpus), err)
			}
		}
	}
	return nil
}

// Assign is AssignOn for this machine and the calling thread.
func Assign(n int, list []int) ([]int, error) {
	online, err := Online()
	if err != nil {
		return nil, err
	}
	allowed, err := Allowed()
	if err != nil {
		return nil, err
	}
	return AssignOn(n, list, online, allowed)
}

// AssignOn returns the CPU of each of n workers, given the CPUs that run and those that
// may be used. Without a list (--cpus=auto) workers take the allowed CPUs in turn,
// wrapping around. A list is followed to the letter. The error about one that is too
// short, or names a CPU that is offline or not allowed, matches host.ErrUsage.
func AssignOn(n int, list, online, allowed []int) ([]int, error) {
	for _, c := range list {
		if !slices.Contains(online, c) {
			return nil, host.Usagef("--cpus: CPU %d is not online, only %s", c, ranges.Format(online))
		}
		if !slices.Contains(allowed, c) {
			return nil, host.Usagef("--cpus: CPU %d is outside the affinity mask or cpuset that the director was started in (%s)",
				c, ranges.Format(allowed))
		}
	}
	if list != nil && len(list) < n {
		return nil, host.Usagef("--cpus: %d CPUs for %d workers: give %d, or auto", len(list), n, n)
	}
	if list == nil {
		list = allowed
	}
	cpus := make([]int, n)
	for i := range cpus {
		cpus[i] = list[i%len(list)]
	}
	return cpus, nil
}

// ParseList parses the kernel's list format, such as 0-3,5.
func ParseList(s string) ([]int, error) {
	var cpus []int
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		lo, err := strconv.ParseUint(first, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("CPU list %q: %w", s, err)
		}
		hi, err := strconv.ParseUint(last, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("CPU list %q: %w", s, err)
		}
		for c := lo; c <= hi; c++ {
			cpus = append(cpus, int(c))
		}
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}
