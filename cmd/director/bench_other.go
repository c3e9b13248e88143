//go:build !linux

package main

import (
	"runtime"

	"director/bench/record"
	"director/host"
)

// benchCPUs returns a number for each CPU of a benchmark's workers, who run
// where the system puts them.
func benchCPUs(list string) (cpus []int, pin func(int) error, err error) {
	if list != "auto" {
		return nil, nil, host.Usagef("--cpus=%s: %s cannot pin threads, leave it out", list, runtime.GOOS)
	}
	for i := range runtime.NumCPU() {
		cpus = append(cpus, i)
	}
	return cpus, nil, nil
}

func labOptionsAreWrong(error) bool { return false }

// recordLab has nothing to record.
func recordLab([]string, stdio) (record.Part, error) {
	return record.Part{Missing: "bench lab needs Linux, this is " + runtime.GOOS}, nil
}

// hostBenches are the benchmarks that need Linux.
func hostBenches() []verb { return nil }
