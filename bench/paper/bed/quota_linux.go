package bed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// controller is where the kernel holds threads to shares of a CPU (cgroup v1).
const controller = "/sys/fs/cgroup/cpu"

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

// quota is groups of one thread each.
type quota struct{ groups []string }

// hold holds each worker of a director to a share of a CPU.
func hold(pid, workers int, share float64) (q *quota, err error) {
	if _, err := os.Stat(filepath.Join(controller, "cpu.cfs_quota_us")); err != nil {
		return nil, fmt.Errorf("%w: CFS bandwidth needs the cpu controller of cgroup v1 at %s", ErrLacks, controller)
	}
	threads, err := workersOf(pid)
	if err != nil {
		return nil, err
	}
	each, period := shareOf(share)
	q = new(quota)
	for i := range workers {
		tid, ok := threads[fmt.Sprintf("worker-%d", i)]
		if !ok {
			return q, fmt.Errorf("the director has no thread worker-%d", i)
		}
		group := filepath.Join(controller, fmt.Sprintf("director-bench-%d-%d", pid, i))
		if err := os.Mkdir(group, 0o755); err != nil {
			return q, err
		}
		q.groups = append(q.groups, group)
		for _, set := range []struct {
			file string
			to   int64
		}{
			{"cpu.cfs_period_us", period.Microseconds()},
			{"cpu.cfs_quota_us", each.Microseconds()},
			{"tasks", int64(tid)},
		} {
			if err := os.WriteFile(filepath.Join(group, set.file), []byte(strconv.FormatInt(set.to, 10)), 0); err != nil {
				return q, fmt.Errorf("hold a worker to a share: %w", err)
			}
		}
	}
	return q, nil
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
	for _, g := range q.groups {
		text, err := os.ReadFile(filepath.Join(g, "tasks"))
		errs = append(errs, err)
		for tid := range strings.FieldsSeq(string(text)) {
			errs = append(errs, os.WriteFile(filepath.Join(controller, "tasks"), []byte(tid), 0))
		}
		errs = append(errs, os.Remove(g))
	}
	return errors.Join(errs...)
}
