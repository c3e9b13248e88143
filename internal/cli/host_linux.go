package cli

import (
	"fmt"
	"os"

	"director/host"
	"director/host/cpu"
)

// CPUs returns the CPUs of a benchmark's workers and the function that pins a thread
// to one.
func CPUs(list string) (cpus []int, pin func(int) error, err error) {
	if list == "auto" {
		cpus, err = cpu.Allowed()
		return cpus, cpu.Pin, err
	}
	if cpus, err = cpu.ParseList(list); err != nil {
		return nil, nil, host.Usagef("--cpus: %w", err)
	}
	cpus, err = cpu.Assign(len(cpus), cpus)
	return cpus, cpu.Pin, err
}

// CanBuildLab returns an error if a verb that builds network namespaces cannot run here.
func CanBuildLab(verb string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%s makes network namespaces and loads BPF programs: run as root", verb)
	}
	return host.Kernel()
}
