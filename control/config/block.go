package config

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"

	"director/control/names"
	"director/control/rules"
	"director/internal/files"
	"director/service"
)

// Source is a command line that is read again and again, with the flags files that it
// names. What is read again takes little time if most of the rules are the same.
type Source struct {
	args []string

	mu    sync.Mutex
	last  blocks   // of the last time
	files []string // the flags files of the last time
}

// NewSource returns a Source for args: see Parse.
func NewSource(args []string) *Source { return &Source{args: args} }

// Parse is like the function Parse. The Configs that it returns share memory. It may be
// called by any goroutine.
func (s *Source) Parse(stdin io.Reader) (*Config, error) { return s.parse(stdin, names.System{}) }

func (s *Source) parse(stdin io.Reader, r rules.Resolver) (*Config, error) {
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	now := blocks{}
	var read []string
	c, err := parse(s.args, stdin, r, nil, func(p *parser) { p.known, p.seen, p.names = last, now, &read })
	if err == nil {
		s.mu.Lock()
		s.last, s.files = now, read
		s.mu.Unlock()
	}
	return c, err
}

// Readable returns an error if a flags file that was read the last time cannot be opened
// now. It does not start goroutines.
func (s *Source) Readable() error {
	s.mu.Lock()
	all := s.files
	s.mu.Unlock()
	var errs []error
	for _, name := range all {
		f, err := files.Open(name)
		if err == nil {
			err = f.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// blocks holds services by the text of their blocks. A block is a rule that adds a service
// (-A) and the rules directly after it that add servers to it (-a), with comments and
// empty lines. Its text alone decides which service it adds, unless it contains names.
// Whether the service fits the others does not depend on the text alone, so
// rules.Table.Adopt checks that each time.
type blocks map[[sha256.Size]byte]service.Spec

// block is a block that is being read.
type block struct {
	text  []byte // its lines
	first int    // the number of its first line
}

// takes reports whether line continues the block.
func (b *block) takes(line []byte) bool {
	if len(b.text) == 0 {
		return false
	}
	line = bytes.TrimLeft(line, " \t")
	return len(line) == 0 || line[0] == '#' || isRuleOf(line, 'a')
}

// isRuleOf reports whether a line begins with a short option.
func isRuleOf(line []byte, c byte) bool {
	return len(line) > 2 && line[0] == '-' && line[1] == c && (line[2] == ' ' || line[2] == '\t')
}

// lines reads a flags file.
func (p *parser) lines(name string, in io.Reader) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxLine)
	var b block
	n := 0
	for s.Scan() {
		n++
		line := s.Bytes()
		begins := p.seen != nil && isRuleOf(bytes.TrimLeft(line, " \t"), 'A')
		if begins || !b.takes(line) {
			if err := p.block(name, &b); err != nil {
				return err
			}
		}
		if begins {
			b.first = n
		}
		if begins || len(b.text) > 0 {
			b.text = append(append(b.text, line...), '\n')
			continue
		}
		if err := p.line(name, n, string(line)); err != nil {
			return err
		}
	}
	if err := p.block(name, &b); err != nil {
		return err
	}
	err := s.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = fmt.Errorf("the line is longer than %d bytes: is this a flags file?", maxLine)
	}
	if err != nil {
		return fmt.Errorf("%s:%d: %w", name, n+1, err)
	}
	return nil
}

// block takes the service of a block if the block was read before, or else reads it. Then
// it empties the block.
func (p *parser) block(name string, b *block) error {
	if len(b.text) == 0 {
		return nil
	}
	defer func() { b.text = b.text[:0] }()
	sum := sha256.Sum256(b.text)
	if s, ok := p.known[sum]; ok && p.rules.Adopt(s) {
		p.seen[sum] = s
		return nil
	}
	before, n := p.read, b.first
	for line := range bytes.Lines(b.text) {
		// Each line is a string of its own. What is kept of it does not keep the others.
		if err := p.line(name, n, string(bytes.TrimSuffix(line, []byte("\n")))); err != nil {
			return err
		}
		n++
	}
	if of := p.read; of.names == before.names && of.services == before.services+1 && of.others == before.others {
		p.seen[sum] = p.rules.Fold(of.last)
	}
	return nil
}

// tally counts what the rules so far contained.
type tally struct {
	names    int         // that were looked up
	services int         // that were added
	others   int         // servers of another service than the last one
	last     service.Key // the service that was added last
}

// count counts a rule.
func (t *tally) count(c *rules.Command) {
	switch {
	case c.Verb == rules.AddService:
		t.services++
		t.last = c.Service.Key
	case c.Service.Key != t.last:
		t.others++
	}
}

// noting is a resolver that counts the names that it is asked for. A name may have another
// address when it is looked up again.
type noting struct {
	rules.Resolver
	read *tally
}

func (n noting) Host(name string) (netip.Addr, error) {
	n.read.names++
	return n.Resolver.Host(name)
}

func (n noting) Port(name string, proto uint8) (uint16, error) {
	n.read.names++
	return n.Resolver.Port(name, proto)
}
