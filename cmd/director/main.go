// Command director is a Linux Virtual Server in userspace: it reads frames from NIC
// queues, decides per connection which real server gets them, and sends them on.
// This package has the verbs and their wiring, nothing else.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"director/internal/cli"
)

// verbs returns the verbs in the order of the help text.
func verbs() []cli.Verb {
	return append(hostVerbs(),
		cli.Verb{Name: "ctl", Summary: "ipvsadm for the running director: the same commands, output and exit codes", Run: ctl},
		cli.Verb{Name: "capture", Summary: "write what the running director receives, sends and drops, as pcapng", Run: captureVerb},
		cli.Verb{Name: "why", Summary: "explain where a packet goes and why", Run: whyVerb},
		cli.Verb{Name: "replay", Summary: "send captured frames through the same pipeline, under a virtual clock", Run: replayVerb},
		cli.Verb{Name: "bench", Summary: "measure how fast the director is on this machine", Run: bench},
		cli.Verb{Name: "check", Summary: "check flags and rules, and print the effective configuration", Run: check},
		cli.Verb{Name: "version", Summary: "print what this binary was built from", Run: cli.Version},
		cli.Verb{Name: "help", Summary: "print this list", Run: help},
	)
}

func main() {
	std := cli.System()
	// Scripts call ipvsadm by its name, a link to this program.
	if filepath.Base(os.Args[0]) == "ipvsadm" {
		os.Exit(ipvsadmVerb(os.Args[1:], std))
	}
	os.Exit(run(os.Args[1:], std))
}

func run(args []string, std cli.IO) int {
	if len(args) == 0 {
		return help(nil, std)
	}
	name := args[0]
	if name == "-h" || name == "--help" {
		name = "help"
	}
	if v := cli.Find(append(verbs(), hiddenVerbs()...), name); v != nil {
		return v.Run(args[1:], std)
	}
	fmt.Fprintf(std.Err, "%s: unknown verb: \"director help\" lists them\n", args[0])
	return cli.Usage
}

func help(_ []string, std cli.IO) int {
	fmt.Fprint(std.Out, "director is a Linux Virtual Server in userspace.\n\nUsage: director VERB [flags]\n\n")
	cli.List(std.Out, verbs())
	return cli.OK
}
