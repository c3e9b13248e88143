package micro

import (
	"runtime"
	"runtime/debug"

	"director/bench/machine"
)

// Machine describes the machine and the build that were measured.
type Machine struct {
	CPU       string            `json:"cpu,omitempty"` // the model; only on Linux
	Kernel    string            `json:"kernel,omitempty"`
	OS        string            `json:"os"`
	Arch      string            `json:"arch"`
	NumCPU    int               `json:"num_cpu"`
	Go        string            `json:"go"`
	Build     map[string]string `json:"build"`           // the build settings that influence the code
	HugeBytes int64             `json:"huge_page_bytes"` // of this process, on transparent huge pages
}

// here describes the machine while the tables exist.
func here() Machine {
	m := Machine{
		CPU: machine.Model(machine.Host), Kernel: machine.Kernel(machine.Host),
		OS: runtime.GOOS, Arch: runtime.GOARCH, NumCPU: runtime.NumCPU(), Go: runtime.Version(), Build: map[string]string{},
	}
	_, m.HugeBytes, _ = resident()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision", "vcs.modified", "GOAMD64", "GOARM64", "-pgo", "-race", "-gcflags":
				m.Build[s.Key] = s.Value
			}
		}
	}
	return m
}
