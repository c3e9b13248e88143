package config

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/pflag"

	"director/control/names"
	"director/control/rules"
	"director/dataplane/sysctl"
	"director/internal/files"
)

// ErrHelp is returned by Parse when --help was asked for.
var ErrHelp = pflag.ErrHelp

// maxLine is the longest line of a flags file. A longer line means that the file is
// probably not a flags file.
const maxLine = 1 << 16

// setting is one flag of the command line.
type setting struct {
	flag  *pflag.Flag
	value string
}

// parser is the state of one call of Parse.
type parser struct {
	config   *Config
	replay   *Replay // nil if its flags are refused
	anywhere bool    // --interface is optional
	why      *Why    // nil if its flags are refused
	flags    *pflag.FlagSet
	rules    *rules.Table
	resolver rules.Resolver
	read     tally
	known    blocks            // that were read before
	seen     blocks            // those of this time; nil if they are not wanted
	stdin    io.Reader         // nil once it has been read
	open     []string          // the flags files being read, outermost first
	names    *[]string         // gets the names of all flags files; nil if they are not wanted
	last     map[string]string // where each flag was given last, for errors that are found at the end
}

// Parse reads the flags of args (without the program's name and verb) and of
// the flags files that they name. If a flag is given twice, the last value is used; the
// command line overrides all files. Repeatable flags accumulate. An error tells in one
// line where the fault is, what it is and what to do.
func Parse(args []string, stdin io.Reader) (*Config, error) {
	return parse(args, stdin, names.System{}, nil)
}

func parse(args []string, stdin io.Reader, resolver rules.Resolver, r *Replay, more ...func(*parser)) (_ *Config, err error) {
	c := defaults()
	// A replay is compared with IPVS, which does not know neighbours.
	c.SkipUnreachable = r == nil
	p := &parser{
		config:   c,
		replay:   r,
		flags:    newFlags(c),
		rules:    rules.NewTable(),
		resolver: resolver,
		stdin:    stdin,
		last:     map[string]string{},
	}
	if r != nil {
		addReplayFlags(p.flags, r)
	}
	for _, add := range more {
		add(p)
	}
	settings, err := p.commandLine(args)
	defer func() { err = withFormat(err, c, settings) }()
	if err != nil {
		return nil, err
	}
	for _, files := range []bool{true, false} {
		for _, s := range settings {
			if (s.flag.Name == flagfile) != files {
				continue
			}
			if err := p.set("", s.flag, s.value); err != nil {
				return nil, err
			}
		}
	}
	c.Services = p.rules.Services()
	if err := p.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// commandLine returns the flags of the command line. After an error these are the flags
// before the wrong one.
func (p *parser) commandLine(args []string) (settings []setting, err error) {
	err = p.flags.ParseAll(args, func(f *pflag.Flag, v string) error {
		settings = append(settings, setting{f, v})
		return nil
	})
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return settings, fmt.Errorf("-%s: ipvsadm's rules belong in a file: see --flagfile", unknown.GetSpecifiedShortnames())
	case errors.As(err, &unknown):
		return settings, p.unknown(unknown.GetSpecifiedName())
	case err == nil && p.why != nil:
		p.why.Words = p.flags.Args()
	case err == nil && p.flags.NArg() > 0:
		return settings, fmt.Errorf("unexpected argument %q: flags begin with --", p.flags.Arg(0))
	}
	return settings, err
}

func (p *parser) unknown(name string) error {
	if p.replay == nil && replayOnly(name) {
		return fmt.Errorf("--%s: only director replay and why take this flag: run reads this from the host", name)
	}
	if reason, ok := sysctl.Refused(strings.ReplaceAll(name, "-", "_")); ok {
		return fmt.Errorf("--%s: has no meaning here: %s", name, reason)
	}
	return fmt.Errorf("--%s: unknown flag: --help lists the flags of this version", name)
}

// set gives one flag its value. where is "FILE:LINE: ", or empty for the command
// line.
func (p *parser) set(where string, f *pflag.Flag, v string) error {
	where += "--" + f.Name + "=" + v
	p.last[f.Name] = where
	if f.Name == flagfile {
		return p.file(where, v)
	}
	if err := f.Value.Set(v); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

// file reads the flags file that the flag at where names.
func (p *parser) file(where, name string) error {
	if slices.Contains(p.open, name) {
		return fmt.Errorf("%s: the file is already being read: it must not include itself", where)
	}
	in, label := p.stdin, "stdin"
	if name == "-" {
		if in == nil {
			return fmt.Errorf("%s: standard input was already read", where)
		}
		p.stdin = nil
	} else {
		f, err := files.Open(name)
		if errors.Is(err, files.ErrNotRegular) {
			return fmt.Errorf("%s: %w: to read a pipe, connect it to standard input and give --flagfile=-", where, err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		defer f.Close()
		in, label = f, name
		if p.names != nil {
			*p.names = append(*p.names, name)
		}
	}
	p.open = append(p.open, name)
	err := p.lines(label, in)
	p.open = p.open[:len(p.open)-1]
	return err
}

// uncomment cuts off a comment, which begins with a "#" at the start of a word.
func uncomment(line string) string {
	if strings.IndexByte(line, '#') < 0 {
		return line
	}
	start := true
	for i, r := range line {
		if r == '#' && start {
			return line[:i]
		}
		start = unicode.IsSpace(r)
	}
	return line
}

// line reads line n of a flags file: a rule or a flag.
func (p *parser) line(name string, n int, text string) error {
	text = uncomment(text)
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil
	}
	if rules.IsRule(words[0]) {
		if err := p.rule(words); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
		return nil
	}
	return p.flagLine(fmt.Sprintf("%s:%d: ", name, n), words[0], text)
}

// rule reads a rule.
func (p *parser) rule(words []string) error {
	c, err := rules.Parse(words, noting{p.resolver, &p.read})
	if err == nil {
		err = p.rules.Apply(c)
	}
	if err == nil {
		p.read.count(&c)
	}
	return err
}

// flagLine reads a flag of a flags file. first is the first word of the text. where is
// "FILE:LINE: ".
func (p *parser) flagLine(where, first, text string) error {
	if !strings.HasPrefix(first, "--") {
		return fmt.Errorf("%s%q: want a flag (--name=value) or a rule (-A, -a)", where, first)
	}
	name, v, given := cut(strings.TrimSpace(text)[2:])
	f := p.flags.Lookup(name)
	if f == nil {
		return fmt.Errorf("%s%w", where, p.unknown(name))
	}
	if !given {
		if v = f.NoOptDefVal; v == "" {
			return fmt.Errorf("%s--%s: a value is missing: write --%s=%s", where, name, name, f.Value.Type())
		}
	}
	return p.set(where, f, v)
}

// cut splits "name=value" or "name value".
func cut(s string) (name, value string, given bool) {
	i := strings.IndexFunc(s, func(r rune) bool { return r == '=' || unicode.IsSpace(r) })
	if i < 0 {
		return s, "", false
	}
	return s[:i], strings.TrimSpace(strings.TrimPrefix(s[i:], "=")), true
}

// check checks conditions between flags.
func (p *parser) check() error {
	c := p.config
	if p.why != nil {
		return p.why.check(p)
	}
	if len(c.Interfaces) == 0 && !p.anywhere {
		return errors.New("--interface: required: the interfaces that carry balanced traffic")
	}
	if c.CPUs != nil && len(c.CPUs) < len(c.Queues) {
		return fmt.Errorf("%s: too few CPUs for %d queues: give one for each, or auto",
			p.last["cpus"], len(c.Queues))
	}
	if p.replay != nil {
		return p.replay.check(c)
	}
	return nil
}
