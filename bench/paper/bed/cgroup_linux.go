package bed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Mount points of the control group hierarchies that can limit CPU shares: that of
// the cpu controller (version 1), and the unified one (version 2).
const (
	mountV1 = "/sys/fs/cgroup/cpu"
	mountV2 = "/sys/fs/cgroup"
)

// hasCPU reports whether a hierarchy can limit groups to a share of a CPU.
func hasCPU(mount string) bool {
	if _, err := os.Stat(filepath.Join(mount, "cpu.cfs_quota_us")); err == nil {
		return true
	}
	controllers, err := os.ReadFile(filepath.Join(mount, "cgroup.controllers"))
	return err == nil && slices.Contains(strings.Fields(string(controllers)), "cpu")
}

// v1 makes a group for each thread. In version 1 a thread may be in any group,
// independently of its process (Documentation/admin-guide/cgroup-v1/cgroups.rst).
func (q *quota) v1(mount string, pid int, tids []int, each, period time.Duration) error {
	home, err := homeOf(pid, "cpu")
	if err != nil {
		return err
	}
	for i, tid := range tids {
		group := filepath.Join(mount, fmt.Sprintf("director-bench-%d-%d", pid, i))
		if err := q.make(group, "tasks", filepath.Join(mount, home),
			setting{"cpu.cfs_period_us", period.Microseconds()},
			setting{"cpu.cfs_quota_us", each.Microseconds()},
			setting{"tasks", tid},
		); err != nil {
			return err
		}
	}
	return nil
}

// v2 makes a group for the process, which its threads cannot leave, and a group
// below it for each thread (Documentation/admin-guide/cgroup-v2.rst, "Threads").
func (q *quota) v2(mount string, pid int, tids []int, each, period time.Duration) error {
	process, threads, err := q.threaded(mount, pid, tids)
	if err != nil {
		return err
	}
	return q.share([]string{mount, process}, threads, each, period)
}

// share sets the share of groups. The groups above them, in order, must first
// enable the controller.
func (q *quota) share(above, groups []string, each, period time.Duration) error {
	for _, group := range above {
		if err := q.enable(group); err != nil {
			return err
		}
	}
	limit := fmt.Sprintf("%d %d", each.Microseconds(), period.Microseconds())
	for _, group := range groups {
		if err := writeSetting(group, setting{"cpu.max", limit}); err != nil {
			return err
		}
	}
	return nil
}

// threaded moves a process into a group, and some of its threads into groups below.
func (q *quota) threaded(mount string, pid int, tids []int) (process string, threads []string, err error) {
	home, err := homeOf(pid, "")
	if err != nil {
		return "", nil, err
	}
	process = filepath.Join(mount, fmt.Sprintf("director-bench-%d", pid))
	if err := q.make(process, "cgroup.procs", filepath.Join(mount, home), setting{"cgroup.procs", pid}); err != nil {
		return process, nil, err
	}
	for i, tid := range tids {
		group := filepath.Join(process, strconv.Itoa(i))
		if err := q.make(group, "cgroup.threads", process, setting{"cgroup.type", "threaded"}, setting{"cgroup.threads", tid}); err != nil {
			return process, nil, err
		}
		threads = append(threads, group)
	}
	return process, threads, nil
}

// homeOf returns the group of a process in the hierarchy of a controller. The empty
// name stands for version 2 (cgroups(7), "/proc files").
func homeOf(pid int, controller string) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) == 3 && slices.Contains(strings.Split(f[1], ","), controller) {
			return f[2], nil
		}
	}
	return "", fmt.Errorf("process %d is in no group for %q", pid, controller)
}

// setting is a value for a file of a group.
type setting struct {
	file string
	to   any
}

// make creates a group with settings. At the end its members move to home and the
// group is removed.
func (q *quota) make(group, members, home string, settings ...setting) error {
	if err := os.Mkdir(group, 0o755); err != nil {
		return err
	}
	q.undo = append(q.undo, func() error {
		text, err := os.ReadFile(filepath.Join(group, members))
		errs := []error{err}
		for id := range strings.FieldsSeq(string(text)) {
			errs = append(errs, writeSetting(home, setting{members, id}))
		}
		return errors.Join(append(errs, os.Remove(group))...)
	})
	for _, s := range settings {
		if err := writeSetting(group, s); err != nil {
			return err
		}
	}
	return nil
}

// enable enables CPU shares for a group's children, if they are not enabled yet.
func (q *quota) enable(group string) error {
	const name = "cgroup.subtree_control"
	has, err := os.ReadFile(filepath.Join(group, name))
	if err != nil || slices.Contains(strings.Fields(string(has)), "cpu") {
		return err
	}
	if err := writeSetting(group, setting{name, "+cpu"}); err != nil {
		return err
	}
	q.undo = append(q.undo, func() error { return writeSetting(group, setting{name, "-cpu"}) })
	return nil
}

// writeSetting writes a setting.
func writeSetting(group string, s setting) error {
	return os.WriteFile(filepath.Join(group, s.file), fmt.Append(nil, s.to), 0)
}
