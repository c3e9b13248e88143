package main

import (
	"errors"
	"fmt"

	"director/control/config"
	"director/internal/cli"
)

// check reads the flags of run and prints what they amount to as a flags file.
// It never looks at the host.
func check(args []string, std cli.IO) int {
	c, code := configure("check", args, std)
	if c == nil {
		return code
	}
	if err := c.Write(std.Out); err != nil {
		fmt.Fprintf(std.Err, "write the configuration: %v\n", err)
		return cli.Failed
	}
	return cli.OK
}

// configure parses the flags that run and check share. Without a configuration
// there is nothing left to do but to exit with code.
func configure(verb string, args []string, std cli.IO) (c *config.Config, code int) {
	c, err := config.Parse(args, std.In)
	if errors.Is(err, config.ErrHelp) {
		fmt.Fprintf(std.Out, "Usage: director %s [flags]\n\n%s", verb, config.Usage())
		return nil, cli.OK
	}
	if err != nil {
		fmt.Fprintln(std.Err, err)
		return nil, cli.Usage
	}
	return c, cli.OK
}
