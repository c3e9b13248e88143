//go:build manual

package main

import (
	"os"

	"director/internal/cli"
	"director/packaging/manual"
)

// With the tag manual the program writes its man pages and completions, and does nothing
// else. Without the tag the packages for this are not linked.
func init() { os.Exit(manual.Director(commandLine(), ipvsadmLine()).Run(os.Args[1:], cli.System())) }
