//go:build !linux

package cli

import (
	"runtime"

	"director/host"
)

// CPUs returns a number for each CPU. The system decides where workers run.
func CPUs(list string) (cpus []int, pin func(int) error, err error) {
	if list != "auto" {
		return nil, nil, host.Usagef("--cpus=%s: %s cannot pin threads, leave it out", list, runtime.GOOS)
	}
	for i := range runtime.NumCPU() {
		cpus = append(cpus, i)
	}
	return cpus, nil, nil
}
