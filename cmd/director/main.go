// Command director is a Linux Virtual Server in userspace: it reads frames from NIC
// queues, chooses a real server for each connection, and sends the frames to it.
// This package contains only the verbs and their wiring.
package main

import (
	"os"
	"path/filepath"

	"director/internal/cli"
)

// commandLine returns the command line of director. Its verbs are in the order of the help
// text.
func commandLine() *cli.Program {
	return &cli.Program{
		Name: "director", Path: "director", About: "director is a Linux Virtual Server in userspace.",
		Verbs: append(hostVerbs(),
			ctlVerb(), diffVerb(), reloadVerb(), captureVerb(), whyVerb(), replayVerb(), benchVerb(), checkVerb(),
			cli.VersionVerb("director"),
		),
	}
}

func main() {
	std := cli.System()
	// Scripts call ipvsadm by its name, a link to this program.
	if filepath.Base(os.Args[0]) == ipvsadmLine().Name {
		os.Exit(ipvsadmVerb(os.Args[1:], std))
	}
	os.Exit(run(os.Args[1:], std))
}

func run(args []string, std cli.IO) int {
	if bench, ok := completesBench(args); ok {
		return benchElsewhere(bench, std)
	}
	return commandLine().Run(args, std)
}
