package main

import (
	"errors"
	"fmt"

	"director/control/config"
)

// check reads the flags of run and prints what they amount to as a flags file.
// It never looks at the host.
func check(args []string, std stdio) int {
	c, code := configure("check", args, std)
	if c == nil {
		return code
	}
	if err := c.Write(std.out); err != nil {
		fmt.Fprintf(std.err, "write the configuration: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// configure parses the flags that run and check share. Without a configuration
// there is nothing left to do but to exit with code.
func configure(verb string, args []string, std stdio) (c *config.Config, code int) {
	c, err := config.Parse(args, std.in)
	if errors.Is(err, config.ErrHelp) {
		fmt.Fprintf(std.out, "Usage: director %s [flags]\n\n%s", verb, config.Usage())
		return nil, exitOK
	}
	if err != nil {
		fmt.Fprintln(std.err, err)
		return nil, exitUsage
	}
	return c, exitOK
}
