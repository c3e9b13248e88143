package ipvsadm

import "strings"

// scanner walks a command line as popt does: short options may stand together
// behind one dash ("-At"), an argument may be glued to a short option ("-w3",
// "-w=3") or to a long one ("--weight=3"), else it is the next word, whatever
// that begins with. Words that are neither are left over, and so are all that
// follow "--".
type scanner struct {
	words  []string
	word   string   // the one read last
	bundle string   // short options of the current word that are still to come
	rest   []string // words left over
}

// item is one option as it was found.
type item struct {
	*option
	spelled string // as the operator wrote it, without its argument
	arg     string
	bare    bool // could have an argument and has none
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

// argument gives it the next word if it needs one, and says what is wrong with
// it.
func (s *scanner) argument(it *item, glued bool) error {
	switch {
	case it.option == nil:
		return unread(s.word, it.spelled, "unknown option")
	case !it.takes():
		if glued {
			return unread(s.word, it.spelled, "option does not take an argument")
		}
	case glued:
	case it.kind == mayValue && (len(s.words) == 0 || strings.HasPrefix(s.words[0], "-")):
		it.bare = true
	case len(s.words) == 0:
		return unread(s.word, it.spelled, "missing argument")
	default:
		s.shift()
		it.arg = s.word
	}
	return nil
}
