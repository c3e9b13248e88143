//go:build !unix

package cli

// ExecBench fails: BenchProgram needs Linux.
func ExecBench([]string) error { return missing() }
