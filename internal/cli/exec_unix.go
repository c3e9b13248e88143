//go:build unix

package cli

import (
	"fmt"
	"os"
	"syscall"
)

// ExecBench replaces this process by BenchProgram, which thereby has its arguments,
// files, exit code and signals. It returns only if that fails.
func ExecBench(args []string) error {
	path, err := Beside(BenchProgram)
	if err != nil {
		return missing()
	}
	if self, err := os.Executable(); err == nil {
		if err := os.Setenv(DirectorVariable, self); err != nil {
			return err
		}
	}
	err = syscall.Exec(path, append([]string{BenchProgram}, args...), os.Environ())
	return fmt.Errorf("%s: %w", path, err)
}
