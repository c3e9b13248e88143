// Package cli has what the command lines of this repository's programs share: exit
// codes, the list of verbs, and how a verb reads its flags.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
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

// Version prints what this program was built from.
func Version(std IO) int {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		fmt.Fprintln(std.Err, "this binary has no build information: build it with \"make\"")
		return Failed
	}
	fmt.Fprint(std.Out, info)
	return OK
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
