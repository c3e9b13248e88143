//go:build linux

package lab

import (
	"os"
	"runtime"
	"strings"
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

func machine() Machine {
	m := Machine{NumCPU: runtime.NumCPU(), Go: runtime.Version(), CPU: runtime.GOARCH}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for l := range strings.Lines(string(text)) {
			if name, model, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(model)
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _, _ = strings.Cut(string(text), " ")
	}
	return m
}
