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

// shortest is the period in which a thread gets its share: short, so that a worker
// that must wait does not do so for long, and frames can wait in its rings. The
// kernel gives a millisecond at the least (min_cfs_quota_period in
// kernel/sched/core.c), which makes the period of a small share longer.
const (
	shortest = 10 * time.Millisecond
	least    = time.Millisecond
)

// shareOf is a share of a CPU as a time in a period.
func shareOf(share float64) (each, period time.Duration) {
	period = max(shortest, time.Duration(float64(least)/share))
	return max(least, time.Duration(share*float64(period))), period
}

// quota is what holds threads to shares of a CPU.
type quota struct{ undo []func() error }

// hold holds each worker of a director to a share of a CPU.
func hold(pid, workers int, share float64) (q *quota, err error) {
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
		// In a container groups are often not to be changed, or only below one that
		// has processes.
		err = fmt.Errorf("%w: %w", ErrLacks, err)
	}
	return q, fmt.Errorf("hold a worker to a share of a CPU: %w", err)
}

// workersOf finds threads by their names.
func workersOf(pid int) (map[string]int, error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil, err
	}
	threads := map[string]int{}
	for _, t := range tasks {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/comm", pid, t.Name()))
		if err != nil {
			continue // it ended
		}
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			threads[strings.TrimSpace(string(name))] = tid
		}
	}
	return threads, nil
}

// close lets the threads go.
func (q *quota) close() error {
	var errs []error
	for _, undo := range slices.Backward(q.undo) {
		errs = append(errs, undo())
	}
	return errors.Join(errs...)
}
