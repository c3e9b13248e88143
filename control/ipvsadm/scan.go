package ipvsadm

import (
	"fmt"
	"strings"
)

// scanner walks a command line as popt does: short options may stand together
// behind one dash ("-At"), an argument may be glued to a short option ("-w3",
// "-w=3") or to a long one ("--weight=3"), else it is the next word, whatever
// that begins with.
type scanner struct {
	words  []string
	bundle string // short options of the current word that are still to come
}

// item is one option as it was found.
type item struct {
	*option
	spelled string // as the operator wrote it, without its argument
	arg     string
}

func (i item) String() string {
	if i.kind == isValue {
		return i.spelled + " " + i.arg
	}
	return i.spelled
}

func (s *scanner) done() bool { return s.bundle == "" && len(s.words) == 0 }

// next returns the next option. Precondition: !s.done().
func (s *scanner) next() (item, error) {
	if s.bundle == "" {
		word := s.words[0]
		s.words = s.words[1:]
		if strings.HasPrefix(word, "--") && len(word) > 2 {
			return s.long(word)
		}
		if len(word) < 2 || word[0] != '-' || word == "--" {
			return item{}, fmt.Errorf("unexpected argument %s", word)
		}
		s.bundle = word[1:]
	}
	return s.short()
}

func (s *scanner) long(word string) (item, error) {
	spelled, arg, glued := strings.Cut(word, "=")
	o := byLong(spelled[2:])
	if o == nil {
		return item{}, fmt.Errorf("%s: unknown option", spelled)
	}
	it := item{o, spelled, arg}
	if o.kind == isValue && !glued {
		return s.withWord(it)
	}
	if o.kind != isValue && o.kind != unsupported && glued {
		return item{}, fmt.Errorf("%s: option does not take an argument", spelled)
	}
	return it, nil
}

func (s *scanner) short() (item, error) {
	o, spelled := byShort(s.bundle[0]), "-"+s.bundle[:1]
	if o == nil {
		return item{}, fmt.Errorf("%s: unknown option", spelled)
	}
	it := item{option: o, spelled: spelled}
	s.bundle = s.bundle[1:]
	if o.kind != isValue {
		return it, nil
	}
	if s.bundle == "" {
		return s.withWord(it)
	}
	it.arg, s.bundle = strings.TrimPrefix(s.bundle, "="), ""
	return it, nil
}

func (s *scanner) withWord(it item) (item, error) {
	if len(s.words) == 0 {
		return item{}, fmt.Errorf("%s: missing argument", it.spelled)
	}
	it.arg, s.words = s.words[0], s.words[1:]
	return it, nil
}
