package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// Verb describes a word of the command line: its help and what it does. Man pages and
// completions are made from the same description.
type Verb struct {
	// Use is the verb's name and the synopsis of its arguments, such as "top [flags]".
	// A second line is another synopsis.
	Use     string
	Summary string // one line, for the list of verbs
	About   string // text between the synopsis and the flags; may be empty
	Flags   []Group
	Text    string // the end of the help, in lines that stay as they are; may be empty

	// Run carries out the verb after its flags were read and Check, unless it is nil,
	// accepted them. It returns the exit code.
	Check func() error
	Run   func(std IO) int

	// RunArgs replaces Check and Run for a verb that reads its arguments itself. If it
	// returns AskHelp, the help is printed.
	RunArgs func(args []string, std IO) int

	// Complete offers words for the end of the arguments of a verb with RunArgs, each made
	// by Described. It is nil for a verb whose flags cobra completes.
	Complete func(args []string) []string
	// Verbs are the verbs of a verb that does nothing itself.
	Verbs []Verb

	// Elsewhere says that another program has the verb, its flags and its man page.
	Elsewhere bool
}

// AskHelp is what RunArgs returns if the arguments ask for help.
const AskHelp = -1

// Group is flags with a title. A verb's first group needs none.
type Group struct {
	Title string
	Flags *pflag.FlagSet
}

// Flags returns a list of one group without a title.
func Flags(fs *pflag.FlagSet) []Group { return []Group{{Flags: fs}} }

// NewFlags returns an empty set of flags. Its help lists flags in the order in which
// they were added.
func NewFlags() *pflag.FlagSet {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	return fs
}

// Name returns the verb itself.
func (v *Verb) Name() string {
	name, _, _ := strings.Cut(v.Use, " ")
	return name
}

// Synopsis returns the lines that show how to call the verb. path is the command line
// in front of it.
func (v *Verb) Synopsis(path string) (lines []string) {
	for line := range strings.SplitSeq(v.Use, "\n") {
		lines = append(lines, path+" "+line)
	}
	return lines
}

// Help writes the verb's help text.
func (v *Verb) Help(w io.Writer, path string) {
	fmt.Fprintf(w, "Usage: %s\n\n", strings.Join(v.Synopsis(path), "\n       "))
	if v.About != "" {
		fmt.Fprintf(w, "%s\n\n", v.About)
	}
	list(w, v.Verbs)
	for i, g := range v.Flags {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if g.Title != "" {
			fmt.Fprintf(w, "%s:\n\n", g.Title)
		}
		fmt.Fprint(w, g.Flags.FlagUsages())
	}
	fmt.Fprint(w, v.Text)
}

// list writes a line about each verb.
func list(w io.Writer, verbs []Verb) {
	for _, v := range verbs {
		fmt.Fprintf(w, "  %-9s %s\n", v.Name(), v.Summary)
	}
}
