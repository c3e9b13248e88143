//go:build linux

package lab

import (
	"cmp"
	"runtime"
	"strings"

	"director/bench/machine"
)

// Machine describes the machine on which the figures were measured.
type Machine struct {
	CPU    string `json:"cpu"`
	NumCPU int    `json:"num_cpu"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	// Load is the load average of the machine at the start of the measurement. It
	// is near 0 on a quiet machine.
	Load string `json:"load"`
}

func here() Machine {
	load, _, _ := strings.Cut(machine.Load(machine.Host), " ")
	return Machine{
		CPU: cmp.Or(machine.Model(machine.Host), runtime.GOARCH), NumCPU: runtime.NumCPU(),
		Kernel: machine.Kernel(machine.Host), Go: runtime.Version(), Load: load,
	}
}
