//go:build linux

package lab

import (
	"cmp"
	"runtime"
	"strings"

	"director/bench/machine"
)

// Machine is where the figures were taken.
type Machine struct {
	CPU    string `json:"cpu"`
	NumCPU int    `json:"num_cpu"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	// Load is the machine's load average when the measurement began: on a quiet
	// one near 0.
	Load string `json:"load"`
}

func here() Machine {
	load, _, _ := strings.Cut(machine.Load(machine.Host), " ")
	return Machine{
		CPU: cmp.Or(machine.Model(machine.Host), runtime.GOARCH), NumCPU: runtime.NumCPU(),
		Kernel: machine.Kernel(machine.Host), Go: runtime.Version(), Load: load,
	}
}
