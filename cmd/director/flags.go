package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
)

// newFlags returns an empty set for a verb, whose help lists flags as they were
// added.
func newFlags(verb string) *pflag.FlagSet {
	fs := pflag.NewFlagSet("director "+verb, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	return fs
}

// parse reads the flags of a verb that takes no other arguments, and has check,
// unless it is nil, look at them. over reports that the verb ends here: help was
// asked for and printed, with usage above it, or something is wrong.
func parse(fs *pflag.FlagSet, usage string, args []string, std stdio, check func() error) (code int, over bool) {
	err := fs.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(std.out, "Usage: %s\n\n%s", usage, fs.FlagUsages())
		return exitOK, true
	case err == nil && fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q: flags begin with --", fs.Arg(0))
	case err == nil && check != nil:
		err = check()
	}
	if err != nil {
		fmt.Fprintln(std.err, err)
		return exitUsage, true
	}
	return exitOK, false
}
