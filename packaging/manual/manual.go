// Package manual writes man pages and shell completions of a program from the
// description of its command line. The programs do not link it: a build with the tag
// manual does.
package manual

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"director/internal/cli"
)

// Section is text that the help of a verb does not have, for the page of the command
// Words. If Words is empty, all pages have it.
type Section struct {
	Words string
	Title string
	Items [][2]string // a term and its meaning; without a term a paragraph
}

// Overview is a page of section 7, which describes the program as a whole.
type Overview struct {
	Summary  string
	Sections []Section
}

// Manual describes the files to write for a program.
type Manual struct {
	Program  *cli.Program
	Summary  string // of the program's own page; without one it has no page
	Sections []Section
	Overview *Overview         // nil: there is none
	Without  []string          // names of pages that another program's manual has
	Links    map[string]string // page name: the page that it leads to
	Aliases  []*cli.Program    // other names of the binary, whose command lines shells complete
}

// Run writes the files to the directory that args name, and returns the exit code.
func (m *Manual) Run(args []string, std cli.IO) int {
	if len(args) != 1 {
		fmt.Fprintln(std.Err, "want one argument: the directory to write to")
		return cli.Usage
	}
	if err := m.Write(args[0]); err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	return cli.OK
}

// Write writes the files below dir.
func (m *Manual) Write(dir string) error {
	files, err := m.completions()
	if err != nil {
		return err
	}
	for _, p := range m.pages() {
		if slices.Contains(m.Without, p.name()) {
			continue
		}
		files["man8/"+p.name()+".8"] = p.roff(m.Sections)
	}
	if m.Overview != nil {
		files["man7/"+m.Program.Name+".7"] = m.Overview.roff(m.Program.Name)
	}
	for name, to := range m.Links {
		files["man8/"+name+".8"] = ".so man8/" + to + ".8\n"
	}
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// completions returns the completion scripts of the program, and of its other names.
func (m *Manual) completions() (map[string]string, error) {
	files := map[string]string{}
	for _, p := range append([]*cli.Program{m.Program}, m.Aliases...) {
		if err := complete(p, files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// complete adds what cobra generates for each shell. The scripts ask the program itself
// what may come next.
func complete(p *cli.Program, files map[string]string) error {
	var code int
	root := p.Command(cli.System(), &code, true)
	var bash, zsh, fish strings.Builder
	err := errors.Join(root.GenBashCompletionV2(&bash, true), root.GenZshCompletion(&zsh), root.GenFishCompletion(&fish, true))
	files["bash/"+p.Name], files["zsh/_"+p.Name], files["fish/"+p.Name+".fish"] = bash.String(), zsh.String(), fish.String()
	return err
}

// page is a man page: of a verb, or of the program.
type page struct {
	path string // the command line in front of the verb; empty for the program
	verb cli.Verb
}

// pages returns the pages of the program and of its verbs.
func (m *Manual) pages() (all []page) {
	p := m.Program
	if m.Summary != "" {
		all = append(all, page{verb: cli.Verb{Use: p.Path + " VERB [flags]", Summary: m.Summary, Verbs: p.All()}})
	}
	var walk func(path string, verbs []cli.Verb)
	walk = func(path string, verbs []cli.Verb) {
		for _, v := range verbs {
			if !v.Elsewhere && (v.Flags != nil || v.Verbs != nil || v.RunArgs != nil || m.Summary != "") {
				all = append(all, page{path, v})
				walk(path+" "+v.Name(), v.Verbs)
			}
		}
	}
	walk(p.Path, p.Verbs)
	return all
}
