package rules

import "strings"

// scanner splits a command line into options as popt does. Short options may
// share one dash ("-At"). An argument may follow a short option directly ("-w3",
// "-w=3") or a long one after "=" ("--weight=3"); otherwise it is the next word,
// even if that begins with a dash. The scanner collects in rest the words that
// are neither options nor arguments, and all words after "--".
type scanner struct {
	words  []string
	word   string   // the last one that was read
	bundle string   // short options of that word that were not read yet
	rest   []string // words left over
}

// item is one option of a command line.
type item struct {
	*option
	spelled string // as the operator wrote it, without its argument
	arg     string
	bare    bool // its argument is optional and missing
}

func (i item) String() string {
	if !i.takes() || i.bare {
		return i.spelled
	}
	return i.spelled + " " + i.arg
}

// next returns the next option, or false after the last one.
func (s *scanner) next() (it item, ok bool, err error) {
	for s.bundle == "" {
		if len(s.words) == 0 {
			return item{}, false, nil
		}
		s.shift()
		switch {
		case s.word == "--":
			s.rest = append(s.rest, s.words...)
			s.words = nil
		case strings.HasPrefix(s.word, "--"):
			it, err = s.long()
			return it, true, err
		case len(s.word) > 1 && s.word[0] == '-':
			s.bundle = s.word[1:]
		default:
			s.rest = append(s.rest, s.word)
		}
	}
	it, err = s.short()
	return it, true, err
}

func (s *scanner) shift() { s.word, s.words = s.words[0], s.words[1:] }

func (s *scanner) long() (item, error) {
	spelled, arg, glued := strings.Cut(s.word, "=")
	it := item{option: byLong(spelled[2:]), spelled: spelled, arg: arg}
	err := s.argument(&it, glued)
	return it, err
}

func (s *scanner) short() (item, error) {
	it := item{option: byShort(s.bundle[0]), spelled: "-" + s.bundle[:1]}
	s.bundle = s.bundle[1:]
	glued := false
	if o := it.option; o != nil && (o.takes() || strings.HasPrefix(s.bundle, "=")) {
		glued = s.bundle != ""
		it.arg, s.bundle = strings.TrimPrefix(s.bundle, "="), ""
	}
	err := s.argument(&it, glued)
	return it, err
}

// argument completes it with its argument, taking the next word where the
// argument was not glued to the option.
func (s *scanner) argument(it *item, glued bool) error {
	switch {
	case it.option == nil:
		return unreadable(s.word, it.spelled, "unknown option")
	case !it.takes():
		if glued {
			return unreadable(s.word, it.spelled, "option does not take an argument")
		}
	case glued:
	case it.kind == mayValue && (len(s.words) == 0 || strings.HasPrefix(s.words[0], "-")):
		it.bare = true
	case len(s.words) == 0:
		return unreadable(s.word, it.spelled, "missing argument")
	default:
		s.shift()
		it.arg = s.word
	}
	return nil
}
