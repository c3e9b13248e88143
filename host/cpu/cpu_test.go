package cpu_test

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/host"
	"director/host/cpu"
	"director/internal/ranges"
)

func TestParseList_ReadsWhatIsWritten(t *testing.T) {
	for s, want := range map[string][]int{
		"0":         {0},
		"0-3":       {0, 1, 2, 3},
		"0-1,4,6-7": {0, 1, 4, 6, 7},
	} {
		got, err := cpu.ParseList(s)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("ParseList(%q): %v (-want +got):\n%s", s, err, d)
		}
		if back := ranges.Format(want); back != s {
			t.Errorf("ranges.Format(%v) = %q, want %q", want, back, s)
		}
	}
	for _, s := range []string{"", "a", "1-", "-1", "1-2-3", "99999"} {
		if got, err := cpu.ParseList(s); err == nil {
			t.Errorf("ParseList(%q) = %v, want an error", s, got)
		}
	}
}

func TestAssign_FollowsTheList(t *testing.T) {
	online := []int{0, 1, 2, 3, 5}
	allowed := []int{1, 2, 3}
	for _, c := range []struct {
		n    int
		list []int
		want []int
		err  string
	}{
		{2, nil, []int{1, 2}, ""},
		{5, nil, []int{1, 2, 3, 1, 2}, ""},
		{2, []int{3, 1}, []int{3, 1}, ""},
		{1, []int{3, 1}, []int{3}, ""},
		{3, []int{3, 1}, nil, "2 CPUs for 3 workers"},
		{1, []int{4}, nil, "CPU 4 is not online, only 0-3,5"},
		{1, []int{5}, nil, "CPU 5 is outside the affinity mask"},
	} {
		got, err := cpu.AssignOn(c.n, c.list, online, allowed)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%d workers on %v (-want +got):\n%s", c.n, c.list, d)
		}
		if c.err == "" && err != nil || c.err != "" && (!errors.Is(err, host.ErrUsage) || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%d workers on %v: error %v, want %q", c.n, c.list, err, c.err)
		}
	}
}

func TestPin_KeepsTheThreadOnItsCPU(t *testing.T) {
	allowed, err := cpu.Allowed()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // the affinity belongs to the thread
	last := allowed[len(allowed)-1]
	if err := cpu.Pin(last); err != nil {
		t.Fatal(err)
	}
	got, err := cpu.Allowed()
	if d := cmp.Diff([]int{last}, got); err != nil || d != "" {
		t.Errorf("after Pin(%d): %v (-want +got):\n%s", last, err, d)
	}
	if err := cpu.Pin(1023); len(allowed) < 1024 && err == nil {
		t.Error("pinned to CPU 1023, which is not there")
	}
}

func TestName_IsTheThreadsOwn(t *testing.T) {
	runtime.LockOSThread() // the name belongs to the thread
	if err := cpu.Name("worker-1023"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("/proc/thread-self/comm")
	if err != nil || string(got) != "worker-1023\n" {
		t.Errorf("the thread is called %q (%v), want worker-1023", got, err)
	}
}

func TestAssign_AgreesWithThisMachine(t *testing.T) {
	cpus, err := cpu.Assign(3, nil)
	if err != nil || len(cpus) != 3 {
		t.Errorf("Assign(3) = %v, %v; want three CPUs", cpus, err)
	}
}

func TestConfine_MovesEveryThread(t *testing.T) {
	before, err := cpu.Allowed()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cpu.Confine(before); err != nil {
			t.Error(err)
		}
	})
	want := before[len(before)-1:]
	if err := cpu.Confine(want); err != nil {
		t.Fatal(err)
	}
	for range 8 { // more threads than the test had
		got := make(chan []int)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			cpus, err := cpu.Allowed()
			if err != nil {
				t.Error(err)
			}
			got <- cpus
		}()
		if cpus := <-got; !slices.Equal(cpus, want) {
			t.Errorf("a thread may run on CPUs %v, want %v", cpus, want)
		}
	}
}
