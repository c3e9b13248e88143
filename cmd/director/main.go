// Command director is a Linux Virtual Server in userspace: it reads frames from
// NIC queues, decides per connection which real server gets them, and sends
// them on. This package is its verbs and their wiring, nothing else.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // failed while working, or cannot start here
	exitUsage  = 2 // the command line or the configuration is wrong
)

// stdio is what a verb reads and writes, so that tests can look at it.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// verb is the first word of the command line. run gets the words behind it and
// returns the exit code.
type verb struct {
	name, summary string
	run           func(args []string, std stdio) int
}

// verbs are listed in the order of the help text.
func verbs() []verb {
	return append(hostVerbs(),
		verb{"ctl", "ipvsadm for the running director: the same commands, output and exit codes", ctl},
		verb{"capture", "write what the running director receives, sends and drops, as pcapng", captureVerb},
		verb{"why", "explain where a packet goes and why", whyVerb},
		verb{"replay", "send captured frames through the same pipeline, under a virtual clock", replayVerb},
		verb{"bench", "measure how fast the director is on this machine", bench},
		verb{"check", "check flags and rules, and print the effective configuration", check},
		verb{"version", "print what this binary was built from", version},
		verb{"help", "print this list", help},
	)
}

func main() {
	std := stdio{os.Stdin, os.Stdout, os.Stderr}
	// A link named ipvsadm is ipvsadm to the scripts that call it.
	if filepath.Base(os.Args[0]) == "ipvsadm" {
		os.Exit(ipvsadmVerb(os.Args[1:], std))
	}
	os.Exit(run(os.Args[1:], std))
}

func run(args []string, std stdio) int {
	if len(args) == 0 {
		return help(nil, std)
	}
	name := args[0]
	if name == "-h" || name == "--help" {
		name = "help"
	}
	for _, v := range append(verbs(), hiddenVerbs()...) {
		if v.name == name {
			return v.run(args[1:], std)
		}
	}
	fmt.Fprintf(std.err, "%s: unknown verb: \"director help\" lists them\n", args[0])
	return exitUsage
}

func help(_ []string, std stdio) int {
	fmt.Fprint(std.out, "director is a Linux Virtual Server in userspace.\n\nUsage: director VERB [flags]\n\n")
	for _, v := range verbs() {
		fmt.Fprintf(std.out, "  %-9s %s\n", v.name, v.summary)
	}
	return exitOK
}

func version(_ []string, std stdio) int {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		fmt.Fprintln(std.err, "this binary carries no build information: build it with \"make\"")
		return exitFailed
	}
	fmt.Fprint(std.out, info)
	return exitOK
}
