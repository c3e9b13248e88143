// Package cli has what the command lines of this repository's programs share: exit
// codes, the list of verbs, and how a verb reads its flags.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/pflag"
)

// Exit codes.
const (
	OK     = 0
	Failed = 1 // failed while working, or cannot start here
	Usage  = 2 // the command line or the configuration is wrong
)

// ErrStopped is the error of a benchmark that a signal stopped.
var ErrStopped = errors.New("stopped before everything was measured")

// IO is what a verb reads and writes. Tests replace it.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
}

// System returns the standard streams of this process.
func System() IO { return IO{os.Stdin, os.Stdout, os.Stderr} }

// Verb is the first word of a command line. Run gets the words after it and returns
// the exit code.
type Verb struct {
	Name, Summary string
	Run           func(args []string, std IO) int
}

// Find returns the verb of a name, or nil.
func Find(verbs []Verb, name string) *Verb {
	for i := range verbs {
		if verbs[i].Name == name {
			return &verbs[i]
		}
	}
	return nil
}

// List writes a line about each verb.
func List(w io.Writer, verbs []Verb) {
	for _, v := range verbs {
		fmt.Fprintf(w, "  %-9s %s\n", v.Name, v.Summary)
	}
}

// Version prints what this program was built from.
func Version(_ []string, std IO) int {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		fmt.Fprintln(std.Err, "this binary has no build information: build it with \"make\"")
		return Failed
	}
	fmt.Fprint(std.Out, info)
	return OK
}

// NewFlags returns an empty set of flags. Its help lists flags in the order in which
// they were added.
func NewFlags(command string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(command, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	return fs
}

// Parse reads the flags of a verb that takes no other arguments, and calls check,
// unless it is nil. over reports that the verb ends here with code: Parse printed the
// help, or an error.
func Parse(fs *pflag.FlagSet, usage string, args []string, std IO, check func() error) (code int, over bool) {
	err := fs.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(std.Out, "Usage: %s\n\n%s", usage, fs.FlagUsages())
		return OK, true
	case err == nil && fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q: flags begin with --", fs.Arg(0))
	case err == nil && check != nil:
		err = check()
	}
	if err != nil {
		fmt.Fprintln(std.Err, err)
		return Usage, true
	}
	return OK, false
}

// IsTerminal reports whether w is a character device, such as a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
