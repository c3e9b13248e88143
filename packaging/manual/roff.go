package manual

import (
	"fmt"
	"strings"
)

// Section is text that no help text has, for the page of the command Words, or
// for all pages where Words is empty.
type Section struct {
	Words string
	Title string
	Items [][2]string // term and what it is; without a term a paragraph
}

// Name is the page's name in the manual: director-bench-micro.
func (p *Page) Name() string { return strings.Join(p.Words, "-") }

// Roff is the page in the man macros of groff and mandoc, for section 8.
func (p *Page) Roff(sections []Section) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 8 \"\" director \"System Administration\"\n", strings.ToUpper(escape(p.Name())))
	summary := p.Summary
	if summary == "" {
		summary = "Linux Virtual Server in userspace"
	}
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", escape(p.Name()), escape(summary))
	synopsis := p.Usage
	if synopsis == "" {
		synopsis = strings.Join(p.Words, " ")
	}
	words := strings.Join(p.Words, " ")
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", escape(words))
	if rest := strings.TrimSpace(strings.TrimPrefix(synopsis, words)); rest != "" {
		fmt.Fprintf(&b, "%s\n", text(rest))
	}
	describe, others := split(sections, words)
	rest := p.description(&b, describe)
	p.verbs(&b)
	options(&b, rest)
	for _, s := range others {
		fmt.Fprintf(&b, ".SH %s\n", escape(s.Title))
		s.items(&b, true)
	}
	p.seeAlso(&b)
	return b.String()
}

// split takes the sections of one page, those that describe it apart. One of its
// own takes the place of one that all pages have.
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

// description writes what the help text says in front of its flags, and what else
// describes the command. It returns the blocks that are left.
func (p *Page) description(b *strings.Builder, more []Section) []Block {
	blocks := p.Blocks
	for len(blocks) > 0 && blocks[0].Flags == nil && blocks[0].Title == "" {
		blocks = blocks[1:]
	}
	said := p.Blocks[:len(p.Blocks)-len(blocks)]
	if len(said)+len(more) == 0 {
		return blocks
	}
	b.WriteString(".SH DESCRIPTION\n")
	for _, block := range said {
		block.lines(b)
	}
	for _, s := range more {
		s.items(b, len(said) == 0)
	}
	return blocks
}

func (p *Page) verbs(b *strings.Builder) {
	if len(p.Verbs) == 0 {
		return
	}
	b.WriteString(".SH VERBS\n")
	for _, v := range p.Verbs {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", escape(v.Words[len(v.Words)-1]), text(v.Summary))
	}
}

func options(b *strings.Builder, blocks []Block) {
	for i, block := range blocks {
		if i == 0 {
			b.WriteString(".SH OPTIONS\n")
		}
		if block.Title != "" {
			fmt.Fprintf(b, ".SS %s\n", escape(block.Title))
		}
		for _, f := range block.Flags {
			fmt.Fprintf(b, ".TP\n%s\n%s\n", f.term(), text(f.About))
		}
		block.lines(b)
	}
}

// lines writes lines as they are.
func (block Block) lines(b *strings.Builder) {
	if block.Lines == nil {
		return
	}
	b.WriteString(".nf\n")
	for _, l := range block.Lines {
		b.WriteString(text(l) + "\n")
	}
	b.WriteString(".fi\n")
}

func (f Flag) term() string {
	var b strings.Builder
	if f.Short != "" {
		fmt.Fprintf(&b, "\\fB\\-%s\\fR, ", f.Short)
	}
	fmt.Fprintf(&b, "\\fB\\-\\-%s\\fR", escape(f.Name))
	switch {
	case f.wanted():
		fmt.Fprintf(&b, "=\\fI%s\\fR", escape(f.Kind))
	case f.Kind != "":
		fmt.Fprintf(&b, "[=\\fI%s\\fR]", escape(strings.Trim(f.Kind, "[]")))
	}
	return b.String()
}

// items writes the section's items; the first paragraph below a heading needs no
// request of its own.
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

// seeAlso names the pages above and below.
func (p *Page) seeAlso(b *strings.Builder) {
	var names []string
	for n := 1; n < len(p.Words); n++ {
		names = append(names, strings.Join(p.Words[:n], "-"))
	}
	for _, v := range p.Verbs {
		names = append(names, v.Name())
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

// escape keeps characters from what they mean to roff.
func escape(s string) string { return escaper.Replace(s) }

// text is escape for a line of its own, whose first character could make a
// request of it.
func text(s string) string {
	if s = escape(s); strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
