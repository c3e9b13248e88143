package main

import (
	"director/host"
	"director/host/cpu"
)

// benchCPUs returns the CPUs of a benchmark's workers, and how to pin to them.
func benchCPUs(list string) (cpus []int, pin func(int) error, err error) {
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
