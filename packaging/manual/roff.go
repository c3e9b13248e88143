package manual

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"director/internal/cli"
)

// words returns the command line of the page: director bench micro.
func (p page) words() string {
	words, _, _ := strings.Cut(p.verb.Use, "\n")
	for _, mark := range []string{" [", " -", " VERB", " PROTO"} {
		words, _, _ = strings.Cut(words, mark)
	}
	return strings.TrimSpace(p.path + " " + words)
}

// name returns the page's name in the manual: director-bench-micro.
func (p page) name() string { return strings.ReplaceAll(p.words(), " ", "-") }

// roff returns the page in the man macros of groff and mandoc, for section 8.
func (p page) roff(sections []Section) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 8 \"\" director \"System Administration\"\n", strings.ToUpper(escape(p.name())))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", escape(p.name()), escape(p.verb.Summary))
	b.WriteString(".SH SYNOPSIS\n")
	words := p.words()
	for i, line := range p.verb.Synopsis(p.path) {
		if i > 0 {
			b.WriteString(".br\n")
		}
		fmt.Fprintf(&b, ".B %s\n", escape(words))
		if rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), words)); rest != "" {
			fmt.Fprintf(&b, "%s\n", text(rest))
		}
	}
	describe, others := split(sections, words)
	p.description(&b, describe)
	list(&b, p.verb.Verbs)
	options(&b, p.verb.Flags)
	lines(&b, p.verb.Text)
	for _, s := range others {
		fmt.Fprintf(&b, ".SH %s\n", escape(s.Title))
		s.items(&b, true)
	}
	p.seeAlso(&b)
	return b.String()
}

// roff returns the page of the program in section 7.
func (o *Overview) roff(program string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 7 \"\" director \"System Administration\"\n", strings.ToUpper(escape(program)))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", escape(program), escape(o.Summary))
	for _, s := range o.Sections {
		fmt.Fprintf(&b, ".SH %s\n", escape(s.Title))
		s.items(&b, true)
	}
	fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (8)\n", escape(program))
	return b.String()
}

// split returns the sections of one page, first those that describe it. A section of its
// own replaces one that all pages have.
func split(sections []Section, words string) (describe, others []Section) {
	own := map[string]bool{}
	for _, s := range sections {
		own[s.Title] = own[s.Title] || s.Words == words
	}
	for _, s := range sections {
		switch {
		case s.Words != "" && s.Words != words, s.Words == "" && own[s.Title]:
		case s.Title == "DESCRIPTION":
			describe = append(describe, s)
		default:
			others = append(others, s)
		}
	}
	return describe, others
}

// description writes what the help says before the flags, then the sections.
func (p page) description(b *strings.Builder, more []Section) {
	if p.verb.About == "" && more == nil {
		return
	}
	b.WriteString(".SH DESCRIPTION\n")
	for line := range strings.Lines(p.verb.About) {
		b.WriteString(text(strings.TrimRight(line, "\n")) + "\n")
	}
	for _, s := range more {
		s.items(b, p.verb.About == "")
	}
}

func list(b *strings.Builder, verbs []cli.Verb) {
	if len(verbs) == 0 {
		return
	}
	b.WriteString(".SH VERBS\n")
	for _, v := range verbs {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", escape(v.Name()), text(v.Summary))
	}
}

func options(b *strings.Builder, groups []cli.Group) {
	for i, g := range groups {
		if i == 0 {
			b.WriteString(".SH OPTIONS\n")
		}
		if g.Title != "" {
			fmt.Fprintf(b, ".SS %s\n", escape(g.Title))
		}
		g.Flags.VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				fmt.Fprintf(b, ".TP\n%s\n%s\n", term(f), text(about(f)))
			}
		})
	}
}

// term writes how a flag is given.
func term(f *pflag.Flag) string {
	var b strings.Builder
	if f.Shorthand != "" {
		fmt.Fprintf(&b, "\\fB\\-%s\\fR, ", f.Shorthand)
	}
	fmt.Fprintf(&b, "\\fB\\-\\-%s\\fR", escape(f.Name))
	switch kind, optional := cli.Kind(f); {
	case kind != "" && !optional:
		fmt.Fprintf(&b, "=\\fI%s\\fR", escape(kind))
	case kind != "":
		b.WriteString("[=\\fItrue|false\\fR]")
	}
	return b.String()
}

// described cuts a flag's description, with its default, out of the line of a help text:
// only pflag knows how to print defaults.
var described = regexp.MustCompile(`(?s)^.*?\S {2,}(\S.*?)\n$`)

// about returns the description of a flag and its default.
func about(f *pflag.Flag) string {
	alone := pflag.NewFlagSet("", pflag.ContinueOnError)
	alone.AddFlag(f)
	return described.ReplaceAllString(alone.FlagUsages(), "$1")
}

// lines writes lines as they are.
func lines(b *strings.Builder, all string) {
	if all == "" {
		return
	}
	b.WriteString(".SH COMMANDS\n.nf\n")
	for line := range strings.Lines(all) {
		b.WriteString(text(strings.TrimRight(line, "\n")) + "\n")
	}
	b.WriteString(".fi\n")
}

// items writes the items of a section. The first paragraph after a heading needs no
// request.
func (s Section) items(b *strings.Builder, first bool) {
	for i, item := range s.Items {
		switch {
		case item[0] != "":
			fmt.Fprintf(b, ".TP\n.B %s\n%s\n", escape(item[0]), text(item[1]))
		case first && i == 0:
			fmt.Fprintf(b, "%s\n", text(item[1]))
		default:
			fmt.Fprintf(b, ".PP\n%s\n", text(item[1]))
		}
	}
}

// seeAlso names the pages above and below. The verb help has none.
func (p page) seeAlso(b *strings.Builder) {
	words := strings.Fields(p.words())
	var names []string
	for n := 1; n < len(words); n++ {
		names = append(names, strings.Join(words[:n], "-"))
	}
	for _, v := range p.verb.Verbs {
		if v.Name() != "help" {
			names = append(names, p.name()+"-"+v.Name())
		}
	}
	if names == nil {
		return
	}
	b.WriteString(".SH SEE ALSO\n")
	for i, n := range names {
		comma := " ,"
		if i == len(names)-1 {
			comma = ""
		}
		fmt.Fprintf(b, ".BR %s (8)%s\n", escape(n), comma)
	}
}

var escaper = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, `"`, `\(dq`, `^`, `\(ha`, `~`, `\(ti`, "`", `\(ga`)

// escape removes the meaning that characters have for roff.
func escape(s string) string { return escaper.Replace(s) }

// text escapes a whole line, whose first character could turn it into a request.
func text(s string) string {
	if s = escape(s); strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
