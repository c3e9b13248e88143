package bed_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"director/bench/paper/bed"
	"director/internal/lab/labtest"
)

// threadsOf starts a process with threads, which ends with the test. It returns the
// ids of the process and of two threads.
func threadsOf(t *testing.T) (pid int, tids []int) {
	t.Helper()
	cmd := self("bench", "serve", "--listen=127.0.0.1:0", "--name=rs1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	pid = cmd.Process.Pid
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil || len(tasks) < 2 {
		t.Fatalf("%v, %v: want two threads", tasks, err)
	}
	for _, task := range tasks[len(tasks)-2:] {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			t.Fatal(err)
		}
		tids = append(tids, tid)
	}
	return pid, tids
}

func read(t *testing.T, elements ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Error(err)
	}
	return strings.TrimSpace(string(text))
}

// The kernel accepts threads in the groups, and afterwards all are back in their
// former group.
func TestQuota_ThreadsHaveGroupsOfTheirOwn(t *testing.T) {
	labtest.RequireRoot(t)
	mount := "/sys/fs/cgroup"
	if controllers, _ := filepath.Glob(mount + "/unified/cgroup.controllers"); len(controllers) > 0 {
		mount += "/unified" // the hierarchy of version 2 beside version 1
	}
	if _, err := os.Stat(filepath.Join(mount, "cgroup.controllers")); err != nil {
		t.Skipf("not on this kernel: no cgroup v2: %v", err)
	}
	pid, tids := threadsOf(t)
	before, err := bed.HomeOf(pid, "")
	if err != nil {
		t.Fatal(err)
	}
	var q bed.Quota
	process, threads, err := q.Threaded(mount, pid, tids)
	if err != nil {
		t.Fatal(err, q.Close())
	}
	for i, group := range threads {
		if got := read(t, group, "cgroup.threads"); got != strconv.Itoa(tids[i]) || filepath.Dir(group) != process {
			t.Errorf("%s has %q, want %d, below %s", group, got, tids[i], process)
		}
	}
	if got := read(t, process, "cgroup.procs"); got != strconv.Itoa(pid) || len(threads) != len(tids) {
		t.Errorf("%s has %q, want %d, with groups for %d threads", process, got, pid, len(tids))
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if after, err := bed.HomeOf(pid, ""); after != before || err != nil {
		t.Errorf("the process is in %q (%v), was in %q", after, err, before)
	}
	if _, err := os.Stat(process); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", process, err)
	}
}

// The shares of version 2 have the format of cgroup-v2.rst, and controllers that
// groups above had enabled stay enabled.
func TestQuota_WritesSharesForVersion2(t *testing.T) {
	root, process, thread := t.TempDir(), t.TempDir(), t.TempDir()
	control := func(group string) string { return filepath.Join(group, "cgroup.subtree_control") }
	for group, has := range map[string]string{root: "cpuset cpu memory\n", process: "cpuset\n"} {
		if err := os.WriteFile(control(group), []byte(has), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var q bed.Quota
	if err := q.Share([]string{root, process}, []string{thread}, 0.05); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		control(root):                    "cpuset cpu memory",
		control(process):                 "+cpu",
		filepath.Join(thread, "cpu.max"): "1000 20000", // 1 ms, the minimum, of 20 ms
	} {
		if got := read(t, file); got != want {
			t.Errorf("%s contains %q, want %q", file, got, want)
		}
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if has, had := read(t, control(root)), read(t, control(process)); has != "cpuset cpu memory" || had != "-cpu" {
		t.Errorf("afterwards the root contains %q, the process's group %q", has, had)
	}
}
