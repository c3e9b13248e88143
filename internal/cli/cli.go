// Package cli has what the command lines of this repository's programs share: exit
// codes, the list of verbs, and how a verb reads its flags.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"director/internal/build"
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

// VersionVerb returns the verb version of a program.
func VersionVerb(program string) Verb {
	fs := NewFlags()
	verbose := fs.BoolP("verbose", "v", false, "print the modules and the settings of the build too")
	return Verb{
		Use: "version [flags]", Summary: "print the version of this binary", Flags: Flags(fs),
		Run: func(std IO) int {
			fmt.Fprintln(std.Out, build.Line(program))
			if info, ok := debug.ReadBuildInfo(); ok && *verbose {
				fmt.Fprint(std.Out, info)
			}
			return OK
		},
	}
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
