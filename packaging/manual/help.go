// Package manual makes man pages and shell completions out of what the verbs
// print for --help, so that flags are described in one place.
package manual

import (
	"regexp"
	"strings"
)

// Page is what one command says about itself.
type Page struct {
	Words   []string // of the command line, "director" first
	Summary string   // from the list that it stands in
	Usage   string   // its synopsis, without "Usage: "; may be empty
	Blocks  []Block
	Verbs   []*Page // that follow its own words
}

// Block is a piece of help text: a heading, flags, or lines kept as they are.
type Block struct {
	Title string
	Flags []Flag
	Lines []string
}

// Flag is one flag.
type Flag struct {
	Short, Name string // without dashes; Short may be empty
	Kind        string // of the value, such as N, FILE or a|b; empty for a switch
	About       string
}

// Help returns what "director WORDS… --help" prints.
type Help func(words ...string) string

// Read asks the command for its help, and the verbs that it lists for theirs.
func Read(help Help) *Page { return read(help, &Page{Words: []string{"director"}}) }

var (
	// flagLine is how pflag writes a flag; the description stands apart by two
	// spaces at least.
	flagLine = regexp.MustCompile(`^ {2,6}(?:-(\w), )?--([a-z0-9][-\w]*)(\[=\S*\])?(?: (\S+))? {2,}(\S.*)$`)
	// verbLine is how a command lists the verbs that it has.
	verbLine = regexp.MustCompile(`^ {2}([a-z][-\w]*) {2,}(\S.*)$`)
)

func read(help Help, p *Page) *Page {
	said := help(p.Words[1:]...)
	if !p.isHelp(said) {
		return p
	}
	lists := false
	for line := range strings.Lines(said) {
		line = strings.TrimRight(line, "\n")
		usage, isUsage := strings.CutPrefix(line, "Usage: ")
		flag, verb := flagLine.FindStringSubmatch(line), verbLine.FindStringSubmatch(line)
		switch {
		case isUsage && p.Usage == "":
			p.Usage, lists = usage, strings.Contains(usage, " VERB")
		case flag != nil:
			p.add(flag)
		case verb != nil && lists:
			words := append(p.Words[:len(p.Words):len(p.Words)], verb[1])
			p.Verbs = append(p.Verbs, read(help, &Page{Words: words, Summary: verb[2]}))
		case line != "" && line[0] != ' ' && strings.HasSuffix(line, ":"):
			p.Blocks = append(p.Blocks, Block{Title: strings.TrimSuffix(line, ":")})
		default:
			p.keep(line)
		}
	}
	for i := range p.Blocks {
		b := &p.Blocks[i]
		for len(b.Lines) > 0 && b.Lines[len(b.Lines)-1] == "" {
			b.Lines = b.Lines[:len(b.Lines)-1]
		}
	}
	return p
}

// isHelp reports whether the command's answer to --help is about itself. One
// without flags does what it does always, or prints the list of all verbs.
func (p *Page) isHelp(said string) bool {
	if _, usage, ok := strings.Cut(said, "Usage: director "); ok {
		return strings.HasPrefix("director "+usage, strings.Join(p.Words, " ")+" ")
	}
	return strings.Contains(said, "Usage:")
}

func (p *Page) add(m []string) {
	f := Flag{Short: m[1], Name: m[2], Kind: m[4], About: m[5]}
	if values, ok := strings.CutPrefix(m[3], "[="); ok && f.Kind == "" { // a switch that also takes a value
		f.Kind = "[" + strings.TrimSuffix(values, "]") + "]"
	}
	b := p.last()
	if b == nil || b.Lines != nil {
		p.Blocks = append(p.Blocks, Block{})
		b = p.last()
	}
	b.Flags = append(b.Flags, f)
}

// keep takes a line as it is; an empty one counts only between others.
func (p *Page) keep(line string) {
	b := p.last()
	if line == "" && (b == nil || b.Lines == nil) {
		return
	}
	if b == nil || b.Flags != nil {
		p.Blocks = append(p.Blocks, Block{})
		b = p.last()
	}
	b.Lines = append(b.Lines, line)
}

func (p *Page) last() *Block {
	if len(p.Blocks) == 0 {
		return nil
	}
	return &p.Blocks[len(p.Blocks)-1]
}

// Flags returns the flags of all blocks.
func (p *Page) Flags() (all []Flag) {
	for _, b := range p.Blocks {
		all = append(all, b.Flags...)
	}
	return all
}

// Walk calls f for the page and those of its verbs.
func (p *Page) Walk(f func(*Page)) {
	f(p)
	for _, v := range p.Verbs {
		v.Walk(f)
	}
}

var word = regexp.MustCompile(`^[-a-z0-9]+$`)

// choices are the words among what the flag's value may be, nil if there are
// none: auto|LIST has one.
func (f Flag) choices() (words []string) {
	kind := strings.Trim(f.Kind, "[]")
	if kind == "bool" || f.Kind == "" {
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

// wanted reports whether the flag needs a value.
func (f Flag) wanted() bool { return f.Kind != "" && f.Kind[0] != '[' }

// file and device report whether the value names a file or an interface.
func (f Flag) file() bool {
	return strings.HasPrefix(f.Kind, "FILE") || f.Kind == "PATH" || f.Kind == "DIR"
}
func (f Flag) device() bool { return f.Name == "interface" }
