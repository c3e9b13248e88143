package machine_test

import (
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/bench/machine"
)

// files returns a file system with these files.
func files(all map[string]string) fstest.MapFS {
	host := fstest.MapFS{}
	for name, text := range all {
		host[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return host
}

func TestLook_DescribesAVirtualMachine(t *testing.T) {
	const cache = "sys/devices/system/cpu/cpu0/cache/index"
	got := machine.Look(files(map[string]string{
		"proc/cpuinfo":              "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu hypervisor lm\n\nprocessor\t: 1\nmodel name\t: another\n",
		"proc/meminfo":              "MemTotal:       24683656 kB\nMemFree: 1 kB\n",
		"proc/sys/kernel/osrelease": "6.18.44\n",
		"proc/loadavg":              "0.25 0.50 1.00 2/108 5849\n",
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
		"sys/kernel/mm/transparent_hugepage/enabled":           "always [madvise] never\n",
		"sys/class/dmi/id/sys_vendor":                          "QEMU\n",
		cache + "0/level":                                      "1\n", cache + "0/type": "Data\n", cache + "0/size": "32K\n", cache + "0/shared_cpu_list": "0\n",
		cache + "1/level": "3\n", cache + "1/type": "Unified\n", cache + "1/size": "32768K\n", cache + "1/shared_cpu_list": "0-1\n",
	}))
	want := machine.Facts{
		OS: runtime.GOOS, Arch: runtime.GOARCH, NumCPU: runtime.NumCPU(), Model: "AMD EPYC",
		Caches: []string{"L1d 32K", "L3 32768K shared by CPUs 0-1"},
		Memory: 24683656 << 10, Kernel: "6.18.44", Product: "QEMU", Virtual: "the CPU reports a hypervisor",
		Governor: "performance", HugePages: "madvise", Load: "0.25 0.50 1.00",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLook_LeavesOutUnknownFacts(t *testing.T) {
	got := machine.Look(files(nil))
	want := machine.Facts{OS: runtime.GOOS, Arch: runtime.GOARCH, NumCPU: runtime.NumCPU()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := machine.Used(files(nil)); err == nil {
		t.Error("got CPU times without a file")
	}
}

func TestSpent_IsReadByCPUAndProcess(t *testing.T) {
	host := files(map[string]string{
		"proc/stat":    "cpu  3 1 2 30 2 1 5 8 0 0\ncpu0 1 1 2 10 1 1 5 8 0 0\ncpu12 2 0 0 20 1 0 0 0 0 0\nintr 7 8\n",
		"proc/17/stat": "17 (cpu) x) S 1 2 3 4 -1 4194304 99 0 0 0 5 6 7 8 20 0 1 0 181796\n",
		"proc/18/stat": "18 (short) S 1 2 3\n",
	})
	const ms = time.Millisecond
	got, err := machine.CPUs(host)
	want := map[int]machine.Spent{
		machine.All: {User: 40 * ms, System: 30 * ms, Softirq: 50 * ms, Idle: 320 * ms, Stolen: 80 * ms},
		0:           {User: 20 * ms, System: 30 * ms, Softirq: 50 * ms, Idle: 110 * ms, Stolen: 80 * ms},
		12:          {User: 20 * ms, Idle: 210 * ms},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if sum := got[0].Plus(got[12]); sum != got[machine.All] || sum.Since(got[12]) != got[0] || sum.Busy() != 120*ms {
		t.Errorf("%+v: want all, busy for 120 ms", sum)
	}
	own, children, err := machine.Process(host, "17")
	if own != (machine.Spent{User: 50 * ms, System: 60 * ms}) || children != (machine.Spent{User: 70 * ms, System: 80 * ms}) || err != nil {
		t.Errorf("%+v, %+v, %v", own, children, err)
	}
	for _, pid := range []string{"18", "19"} {
		if _, _, err := machine.Process(host, pid); err == nil {
			t.Errorf("process %s has a time", pid)
		}
	}
	for _, stat := range []string{"cpu 1 2 3\n", "cpux 1 2 3 4 5 6 7 8\n", "cpu0 1 2 3 4 5 6 7 x\n"} {
		if _, err := machine.CPUs(files(map[string]string{"proc/stat": stat})); err == nil {
			t.Errorf("%q is read", stat)
		}
	}
}

func TestSlug_IsShort(t *testing.T) {
	for model, want := range map[string]string{
		"AMD EPYC":                        "amd-epyc-2cpu",
		"AMD EPYC 7763 64-Core Processor": "amd-epyc-7763-64-2cpu",
		"Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz": "intel-xeon-platinum-8375c-2cpu",
		"AMD Ryzen 7 PRO 7840U w/ Radeon 780M Graphics": "amd-ryzen-7-pro-7840u-2cpu",
		"12th Gen Intel(R) Core(TM) i7-1260P":           "12th-gen-intel-i7-1260p-2cpu",
		"":                                              "plan9-mips-2cpu",
	} {
		f := machine.Facts{OS: "plan9", Arch: "mips", Model: model, NumCPU: 2}
		if got := f.Slug(); got != want {
			t.Errorf("%q: %s, want %s", model, got, want)
		}
	}
}

func TestUsed_TellsOthersFromThisProcess(t *testing.T) {
	read := func(stat, self string) machine.Usage {
		u, err := machine.Used(files(map[string]string{
			"proc/stat":      "cpu  " + stat + " 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n",
			"proc/self/stat": "26612 (a) b (c) R 1 2 3 4 -1 4194304 99 0 0 0 " + self + " 20 0 1 0 181796\n",
		}))
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	before := read("100 0 100 1000 10 5 5 7", "50 20 1 1")
	after := read("180 0 120 1100 10 6 6 17", "110 30 5 5")
	// 102 ticks busy, 78 of them by this process and its children; 100 idle, 10
	// stolen.
	want := machine.Usage{Total: 2120 * time.Millisecond, Others: 240 * time.Millisecond, Stolen: 100 * time.Millisecond}
	got := after.Since(before)
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if share := got.Share(got.Stolen); share < 0.047 || share > 0.048 {
		t.Errorf("stolen: %g, want 10 of 212", share)
	}
}
