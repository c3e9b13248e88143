// Command director-bench has the heavy benchmarks: the load generator, web servers and
// the evaluation of the LVS paper with its plots. "director bench VERB" starts it. It
// is a program of its own so that director, which forwards, links none of that.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"

	"director/internal/cli"
)

// verbs returns the verbs in the order of the help text.
func verbs() (all []cli.Verb) {
	runs := map[string]func([]string, cli.IO) int{
		"load": benchLoad, "serve": benchServe, "testlvs": benchTestlvs, "paper": benchPaper,
	}
	for _, v := range cli.BenchVerbs() {
		all = append(all, cli.Verb{Name: v.Name, Summary: v.Summary, Run: runs[v.Name]})
	}
	return append(all,
		cli.Verb{Name: "version", Summary: "print what this binary was built from", Run: cli.Version},
		cli.Verb{Name: "help", Summary: "print this list", Run: help},
	)
}

func main() { os.Exit(run(os.Args[1:], cli.System())) }

func run(args []string, std cli.IO) int {
	if len(args) == 0 {
		return help(nil, std)
	}
	name := args[0]
	if name == "-h" || name == "--help" {
		name = "help"
	}
	if v := cli.Find(verbs(), name); v != nil {
		return v.Run(args[1:], std)
	}
	fmt.Fprintf(std.Err, "%s: unknown verb: \"%s help\" lists them\n", args[0], cli.BenchProgram)
	return cli.Usage
}

func help(_ []string, std cli.IO) int {
	fmt.Fprintf(std.Out, "%s has the benchmarks of director that need more than director links.\n\nUsage: director bench VERB [flags]\n\n", cli.BenchProgram)
	cli.List(std.Out, verbs())
	return cli.OK
}

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
