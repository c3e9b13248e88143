package main

import (
	"errors"
	"fmt"

	"director/control/config"
	"director/internal/cli"
)

func checkVerb() cli.Verb {
	return cli.Verb{
		Use: "check [flags]", Summary: "check flags and rules, and print the effective configuration",
		Flags: commonFlags(""), RunArgs: check,
	}
}

// check reads the flags of run and prints the resulting configuration as a flags file. It
// warns of what is valid but useless. It does not examine the host.
func check(args []string, std cli.IO) int {
	c, code := configure(args, std)
	if c == nil {
		return code
	}
	for _, mark := range c.UndefinedMarks() {
		fmt.Fprintf(std.Err, "warning: -f %d: no --fwmark defines mark %[1]d, so its service gets no traffic\n", mark)
	}
	if err := c.Write(std.Out); err != nil {
		fmt.Fprintf(std.Err, "write the configuration: %v\n", err)
		return cli.Failed
	}
	return cli.OK
}

// commonFlags returns the flags of run, under a title. Other verbs also take them.
func commonFlags(title string) []cli.Group {
	own, sysctls := config.Flags()
	return []cli.Group{{Title: title, Flags: own}, {Title: "The sysctls of IPVS (0 unless a default is given)", Flags: sysctls}}
}

// configure parses the flags that run and check share. If it returns no configuration,
// the verb ends with code.
func configure(args []string, std cli.IO) (c *config.Config, code int) {
	c, err := config.Parse(args, std.In)
	if err != nil {
		return nil, refuseConfig(err, std)
	}
	return c, cli.OK
}

// refuseConfig prints an error of package config and returns the exit code. For
// config.ErrHelp it requests the help.
func refuseConfig(err error, std cli.IO) int {
	if errors.Is(err, config.ErrHelp) {
		return cli.AskHelp
	}
	fmt.Fprintln(std.Err, err)
	return cli.Usage
}
