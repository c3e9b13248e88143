package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Program is a command line with verbs.
type Program struct {
	Name  string // of the binary
	Path  string // how users start it: "director bench" starts director-bench
	About string // one line
	Verbs []Verb // without help, which every program has
	// Complete offers words for the arguments of a program without verbs, like that of Verb.
	Complete func(args []string) []string
}

// Verbs are listed in the order in which they are given. This is a variable of cobra's
// for the whole process, so it is set once: several command lines may run at a time.
func init() { cobra.EnableCommandSorting = false }

// All returns the verbs of the program, including help.
func (p *Program) All() []Verb {
	return append(slices.Clip(p.Verbs), Verb{Use: "help [VERB]", Summary: "print this list, or the help of a verb"})
}

// Run carries out a command line and returns the exit code. The flag --version alone is
// the verb version: many people try it first.
func (p *Program) Run(args []string, std IO) int {
	code := OK
	if len(args) == 1 && args[0] == "--version" {
		args = []string{"version"}
	}
	root := p.Command(std, &code, Completes(args))
	root.SetArgs(append([]string{}, args...)) // nil would mean those of the process
	if err := root.Execute(); err != nil {
		fmt.Fprintln(std.Err, err)
		return Usage
	}
	return code
}

// Command returns the program as cobra knows it. A verb that runs stores its exit code
// in code. completing says that a shell asks how to complete a command line. Verbs with
// RunArgs then let cobra read their flags, because it does not complete them otherwise.
func (p *Program) Command(std IO, code *int, completing bool) *cobra.Command {
	root := &cobra.Command{
		Use: p.Name, SilenceErrors: true, SilenceUsage: true,
		DisableFlagParsing: true, Args: cobra.ArbitraryArgs, // RunE judges them
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 && !asksHelp(args[0]) {
				return fmt.Errorf("%s: unknown verb: \"%s help\" lists them", args[0], p.Path)
			}
			p.help(std)
			return nil
		},
	}
	if p.Complete != nil {
		root.ValidArgsFunction = offer(p.Complete)
	}
	root.SetIn(std.In)
	root.SetOut(std.Out)
	root.SetErr(std.Err)
	b := builder{std, code, completing}
	for i := range p.Verbs {
		root.AddCommand(b.command(&p.Verbs[i], p.Path))
	}
	help := &cobra.Command{Use: "help [VERB]", Short: "print this list, or the help of a verb", RunE: func(_ *cobra.Command, args []string) error {
		c, rest, err := root.Find(args)
		switch {
		case err != nil || len(rest) > 0:
			return fmt.Errorf("%s: unknown verb: \"%s help\" lists them", strings.Join(args, " "), p.Path)
		case c == root:
			p.help(std)
			return nil
		}
		return c.Help()
	}}
	root.SetHelpCommand(help)
	return root
}

func (p *Program) help(std IO) {
	fmt.Fprintf(std.Out, "%s\n\nUsage: %s VERB [flags]\n\n", p.About, p.Path)
	list(std.Out, p.All())
}

func asksHelp(arg string) bool { return arg == "-h" || arg == "--help" }

// builder makes cobra's commands of verbs.
type builder struct {
	std        IO
	code       *int
	completing bool
}

func (b builder) command(v *Verb, path string) *cobra.Command {
	use, _, _ := strings.Cut(v.Use, "\n")
	c := &cobra.Command{
		Use: use, Short: v.Summary, ValidArgsFunction: cobra.NoFileCompletions,
		DisableFlagParsing: v.Verbs != nil || v.RunArgs != nil && (!b.completing || v.Complete != nil),
	}
	if v.Complete != nil {
		c.ValidArgsFunction = offer(v.Complete)
	}
	c.SetHelpFunc(func(*cobra.Command, []string) { v.Help(b.std.Out, path) })
	c.Flags().SortFlags = false
	for _, g := range v.Flags {
		c.Flags().AddFlagSet(g.Flags)
	}
	if b.completing {
		c.Flags().VisitAll(func(f *pflag.Flag) { _ = c.RegisterFlagCompletionFunc(f.Name, completer(f)) }) // each is registered once
	}
	for i := range v.Verbs {
		c.AddCommand(b.command(&v.Verbs[i], path+" "+v.Name()))
	}
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 && !c.DisableFlagParsing {
			return fmt.Errorf("unexpected argument %q: flags begin with --", args[0])
		}
		return nil
	}
	c.RunE = func(_ *cobra.Command, args []string) error { return b.run(c, v, path, args) }
	return c
}

// run carries out a verb. Its error is about the command line.
func (b builder) run(c *cobra.Command, v *Verb, path string, args []string) error {
	switch {
	case v.Verbs != nil && len(args) > 0 && asksHelp(args[0]):
		v.Help(b.std.Out, path)
	case v.Verbs != nil && len(args) > 0:
		path += " " + v.Name()
		return fmt.Errorf("%s: unknown verb: \"%s --help\" lists them", args[0], path)
	case v.Verbs != nil:
		v.Help(b.std.Err, path)
		*b.code = Usage
	case v.RunArgs != nil:
		if *b.code = v.RunArgs(args, b.std); *b.code == AskHelp {
			*b.code = OK
			return c.Help()
		}
	default:
		if v.Check != nil {
			if err := v.Check(); err != nil {
				return err
			}
		}
		*b.code = v.Run(b.std)
	}
	return nil
}
