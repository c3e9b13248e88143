package cli

import (
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// devices is the directory that has the names of network interfaces.
const devices = "/sys/class/net"

var word = regexp.MustCompile(`^[-a-z0-9]+$`)

// Kind returns what a flag's value is called in its help, such as N, FILE or a|b. It
// is empty for a switch. optional reports whether the value may be left out.
func Kind(f *pflag.Flag) (kind string, optional bool) {
	kind, _ = pflag.UnquoteUsage(f)
	return kind, f.NoOptDefVal != ""
}

// choices returns the words that a flag's value can be, or nil. Of auto|LIST it
// returns auto.
func choices(f *pflag.Flag) (words []string) {
	kind, optional := Kind(f)
	if kind == "" || kind == "bool" || optional {
		return []string{"true", "false"}
	}
	all := strings.Split(kind, "|")
	for _, w := range all {
		if len(all) > 1 && word.MatchString(w) {
			words = append(words, w)
		}
	}
	return words
}

// completer returns the function by which cobra completes a flag's value.
func completer(f *pflag.Flag) cobra.CompletionFunc {
	kind, _ := Kind(f)
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch {
		case strings.HasPrefix(kind, "FILE") || kind == "PATH" || kind == "DIR":
			return nil, cobra.ShellCompDirectiveDefault
		case f.Name == "interface":
			var names []string
			entries, _ := os.ReadDir(devices) // elsewhere than on Linux there is nothing to offer
			for _, e := range entries {
				names = append(names, e.Name())
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		}
		return choices(f), cobra.ShellCompDirectiveNoFileComp
	}
}

// Completes reports whether args are a shell's question how to complete a command line.
func Completes(args []string) bool {
	return len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd)
}

// Described returns a word that is offered to a shell, with a description.
func Described(word, about string) string {
	if about == "" {
		return word
	}
	return cobra.CompletionWithDesc(word, about)
}

// offer makes cobra's function of one that offers words for the end of args. It leaves out
// those that do not begin as the reader has begun.
func offer(complete func(args []string) []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, begun string) (words []cobra.Completion, _ cobra.ShellCompDirective) {
		for _, w := range complete(args) {
			if strings.HasPrefix(w, begun) {
				words = append(words, w)
			}
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
