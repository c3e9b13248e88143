// Command director-bench has the heavy benchmarks: the load generator, web servers and
// the evaluation of the LVS paper with its plots. "director bench VERB" starts it. It
// is a separate program, so director, which forwards traffic, does not link them.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"

	"director/internal/cli"
)

// commandLine returns the command line of director-bench.
func commandLine() *cli.Program {
	verbs := map[string]cli.Verb{"load": loadVerb(), "serve": serveVerb(), "testlvs": testlvsVerb(), "paper": paperVerb(), "scale": scaleVerb()}
	p := &cli.Program{
		Name: cli.BenchProgram, Path: "director bench",
		About: cli.BenchProgram + " has the benchmarks that director does not link.",
	}
	for _, v := range cli.BenchVerbs() {
		verb := verbs[v.Name]
		verb.Summary = v.Summary
		p.Verbs = append(p.Verbs, verb)
	}
	p.Verbs = append(p.Verbs, cli.VersionVerb(cli.BenchProgram))
	return p
}

func main() { os.Exit(run(os.Args[1:], cli.System())) }

func run(args []string, std cli.IO) int { return commandLine().Run(args, std) }

// program returns the command "director ARGS…". A verb of this program starts this
// program directly. Tests replace it.
var program = func(args ...string) *exec.Cmd {
	if len(args) > 1 && args[0] == "bench" && slices.ContainsFunc(cli.BenchVerbs(), func(v cli.BenchVerb) bool { return v.Name == args[1] }) {
		return exec.Command("/proc/self/exe", args[1:]...)
	}
	path, err := cli.Director()
	cmd := exec.Command(path, args...)
	if err != nil {
		cmd.Err = fmt.Errorf("director is not installed, neither beside this program nor in PATH: %w", err)
	}
	return cmd
}
