package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BenchProgram is the name of the program with the heavy benchmarks. It is kept apart
// so that the program which forwards does not link plots, load generators and web
// servers.
const BenchProgram = "director-bench"

// DirectorVariable is the environment variable by which director tells director-bench
// which binary it is. The benchmarks then run that binary, whatever its name.
const DirectorVariable = "DIRECTOR_BINARY"

// BenchVerb is a verb of BenchProgram.
type BenchVerb struct{ Name, Summary string }

// BenchVerbs returns the verbs of BenchProgram, in the order of the help text.
func BenchVerbs() []BenchVerb {
	return []BenchVerb{
		{"load", "send requests to a web server at a given rate and measure the replies, as httperf does"},
		{"serve", "run a web server that needs little CPU time, as a target for load"},
		{"testlvs", "send SYNs from addresses that no host has, to fill the connection table; needs root and a private network"},
		{"paper", "repeat the measurements of the LVS paper and write a report; needs root"},
		{"scale", "measure a director with ten thousand services: start, changes, listings, memory; needs root"},
	}
}

// Beside returns the path of a program in the directory of this one or, if it is not
// there, in PATH.
func Beside(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		path := filepath.Join(filepath.Dir(self), name)
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return exec.LookPath(name)
}

// Director returns the path of the director to measure: the one that started this
// process, or the one that Beside finds.
func Director() (string, error) {
	if path := os.Getenv(DirectorVariable); path != "" {
		return path, nil
	}
	return Beside("director")
}

// missing says how to get BenchProgram.
func missing() error {
	return fmt.Errorf("%s is not installed, neither beside this program nor in PATH: "+
		"install the package %[1]s, or build it with \"make build\"", BenchProgram)
}
