package micro

import (
	"runtime"
	"runtime/debug"

	"director/bench/machine"
)

// Machine is where and by what a figure was taken.
type Machine struct {
	CPU       string            `json:"cpu,omitempty"` // its model, where Linux tells
	Kernel    string            `json:"kernel,omitempty"`
	OS        string            `json:"os"`
	Arch      string            `json:"arch"`
	NumCPU    int               `json:"num_cpu"`
	Go        string            `json:"go"`
	Build     map[string]string `json:"build"`           // what shapes the code, of the build settings
	HugeBytes int64             `json:"huge_page_bytes"` // of this process that lie on transparent huge pages
}

// here looks around while the tables are there.
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
