package bed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// shortest is the period in which a thread gets its share. It is short, so that a
// worker waits only briefly and its rings can hold the frames that arrive
// meanwhile. The kernel's minimum quota is 1 ms (min_cfs_quota_period in
// kernel/sched/core.c), so a small share has a longer period.
const (
	shortest = 10 * time.Millisecond
	least    = time.Millisecond
)

// shareOf converts a share of a CPU to a time and a period.
func shareOf(share float64) (each, period time.Duration) {
	period = max(shortest, time.Duration(float64(least)/share))
	return max(least, time.Duration(share*float64(period))), period
}

// quota limits threads to shares of a CPU.
type quota struct{ undo []func() error }

// limitWorkers limits each worker of a director to a share of a CPU.
func limitWorkers(pid, workers int, share float64) (q *quota, err error) {
	threads, err := workersOf(pid)
	if err != nil {
		return nil, err
	}
	tids := make([]int, workers)
	for i := range tids {
		var ok bool
		if tids[i], ok = threads[fmt.Sprintf("worker-%d", i)]; !ok {
			return nil, fmt.Errorf("the director has no thread worker-%d", i)
		}
	}
	q = new(quota)
	each, period := shareOf(share)
	switch {
	case hasCPU(mountV1):
		err = q.v1(mountV1, pid, tids, each, period)
	case hasCPU(mountV2):
		err = q.v2(mountV2, pid, tids, each, period)
	default:
		return nil, fmt.Errorf("%w: CFS bandwidth needs the cpu controller, of cgroup v1 at %s or of v2 at %s", ErrLacks, mountV1, mountV2)
	}
	switch {
	case err == nil:
		return q, nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS), errors.Is(err, unix.EBUSY):
		// Containers often cannot change groups, or only below one that has
		// processes.
		err = fmt.Errorf("%w: %w", ErrLacks, err)
	}
	return q, fmt.Errorf("limit a worker to a share of a CPU: %w", err)
}

// workersOf returns the worker threads by name.
func workersOf(pid int) (map[string]int, error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil, err
	}
	threads := map[string]int{}
	for _, t := range tasks {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/comm", pid, t.Name()))
		if err != nil {
			continue // the thread has ended
		}
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			threads[strings.TrimSpace(string(name))] = tid
		}
	}
	return threads, nil
}

// close removes the limits.
func (q *quota) close() error {
	var errs []error
	for _, undo := range slices.Backward(q.undo) {
		errs = append(errs, undo())
	}
	return errors.Join(errs...)
}
