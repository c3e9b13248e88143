package doctor

import (
	"fmt"
	"slices"
	"strings"

	"director/control/config"
	"director/internal/ranges"
)

// checkCPU checks on which CPUs the workers run and what else runs there.
func checkCPU(f *Facts, r *recorder) {
	checkAffinity(f, r)
	checkWorkers(f, r)
	checkSiblings(f, r)
	checkIsolation(f, r)
	checkInterrupts(f, r)
	checkHugePages(f, r)
}

// checkAffinity looks for CPUs that the process must not use. Isolated CPUs have their own
// check.
func checkAffinity(f *Facts, r *recorder) {
	c := &f.CPU
	missed := slices.DeleteFunc(slices.Clone(c.Online), func(n int) bool {
		return slices.Contains(c.Allowed, n) || slices.Contains(c.Isolated, n)
	})
	if len(missed) > 0 {
		r.add(Note, "affinity", "AllowedCPUs= and CPUAffinity= in the unit file, or: taskset -c "+ranges.Format(c.Online)+" director run",
			"the process may not use CPUs %s: its affinity mask or cpuset is %s", ranges.Format(missed), ranges.Format(c.Allowed))
	} else {
		r.ok("affinity", "the process may use every CPU that is not isolated")
	}
}

func checkWorkers(f *Facts, r *recorder) {
	c := &f.CPU
	used := distinct(c.Assigned)
	switch {
	case c.AssignErr != "":
		detail, remedy := flagged(c.AssignErr)
		if remedy == "" {
			remedy = "--cpus=auto"
		}
		r.add(Fail, "workers", remedy, "%s", detail)
	case len(used) < len(c.Assigned):
		r.add(Note, "workers", fmt.Sprintf("ethtool -L %s combined %d", f.widest(), len(c.Allowed)),
			"%d workers share CPUs %s: one worker for each CPU is faster", len(c.Assigned), ranges.Format(used))
	case len(used) > 0:
		r.ok("workers", "%d, on CPUs %s of %s", len(c.Assigned), ranges.Format(used), ranges.Format(c.Online))
	}
}

// widest returns the interface with the most queues, which decides how many workers there
// are.
func (f *Facts) widest() string {
	name, most := "", -1
	for _, i := range f.Interfaces {
		if len(i.Served) > most {
			name, most = i.Name, len(i.Served)
		}
	}
	return name
}

// checkSiblings looks for workers that share a core.
func checkSiblings(f *Facts, r *recorder) {
	c := &f.CPU
	used := distinct(c.Assigned)
	for _, a := range used {
		for _, b := range c.Siblings[a] {
			if a < b && slices.Contains(used, b) {
				remedy := ""
				if cores := c.cores(); len(cores) >= len(c.Assigned) {
					remedy = "--cpus=" + ranges.Format(cores[:len(c.Assigned)])
				}
				r.add(Note, "smt", remedy, "two workers run on CPUs %d and %d, which are one core", a, b)
				return
			}
		}
	}
	if len(used) > 1 {
		r.ok("smt", "every worker runs on its own core")
	}
}

// cores returns one allowed CPU of each core.
func (c *CPU) cores() (first []int) {
	taken := map[int]bool{}
	for _, n := range c.Allowed {
		if taken[n] {
			continue
		}
		first = append(first, n)
		for _, s := range c.Siblings[n] {
			taken[s] = true
		}
	}
	return first
}

// checkIsolation checks whether the workers run on the isolated CPUs.
func checkIsolation(f *Facts, r *recorder) {
	c := &f.CPU
	outside := func(of []int) func(int) bool { return func(n int) bool { return !slices.Contains(of, n) } }
	switch {
	case len(c.Isolated) == 0:
		r.ok("isolation", "no CPU is isolated: other work may run on the workers' CPUs")
	case slices.ContainsFunc(c.Isolated, outside(c.Allowed)):
		r.add(Note, "isolation", fmt.Sprintf("CPUAffinity=%s in the unit file, or: taskset -c %s director run; with --cpus=%s",
			ranges.Format(c.Online), ranges.Format(c.Online), ranges.Format(c.Isolated)),
			"CPUs %s are isolated, but outside the affinity mask %s: isolcpus= removes them from it", ranges.Format(c.Isolated), ranges.Format(c.Allowed))
	case slices.ContainsFunc(c.Assigned, outside(c.Isolated)):
		r.add(Note, "isolation", "--cpus="+ranges.Format(c.Isolated), "CPUs %s are isolated, but the workers run on %s",
			ranges.Format(c.Isolated), ranges.Format(distinct(c.Assigned)))
	default:
		r.ok("isolation", "the workers run on isolated CPUs")
	}
	if len(c.NoHz) > 0 {
		r.add(Note, "nohz_full", "", "CPUs %s: the kernel cannot wait for BPF programs that run there, "+
			"so the host may get a few packets of a service while the rules change", ranges.Format(c.NoHz))
	}
}

func checkInterrupts(f *Facts, r *recorder) {
	pinned := f.Config.IRQ == config.IRQPin
	switch {
	case f.CPU.IRQBalance && pinned:
		r.add(Warn, "irqbalance", "systemctl stop irqbalance", "it is running and will change the affinity that --irq=pin sets")
	case f.CPU.IRQBalance:
		r.add(Note, "irqbalance", "systemctl stop irqbalance; then --irq=pin",
			"it is running and may move the interrupts of the queues to other CPUs")
	default:
		r.ok("irqbalance", "not running")
	}
	if pinned {
		return
	}
	for _, i := range f.Interfaces {
		if i.Device != "" && len(i.Served) > 1 {
			r.add(Note, "irq", "--irq=pin", "nothing pins the interrupts of the queues of %s to the CPUs of their workers", i.Name)
		}
	}
}

// checkHugePages checks whether the kernel grants huge pages, which the tables request by
// madvise.
func checkHugePages(f *Facts, r *recorder) {
	const file = "/sys/kernel/mm/transparent_hugepage/enabled"
	switch setting := f.CPU.HugePages; {
	case setting == "":
		r.add(Note, "hugepages", "", "the kernel does not support transparent huge pages: look-ups in a large connection table are slower")
	case strings.Contains(setting, "[never]"):
		r.add(Warn, "hugepages", "echo madvise > "+file,
			"transparent huge pages are switched off: look-ups in a large connection table are slower")
	default:
		r.ok("hugepages", "transparent huge pages: %s", setting)
	}
}

func distinct(cpus []int) []int {
	cpus = slices.Clone(cpus)
	slices.Sort(cpus)
	return slices.Compact(cpus)
}
