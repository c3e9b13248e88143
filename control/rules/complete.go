package rules

import (
	"slices"
	"strconv"

	"director/sched"
)

// Next is what may come next on a command line that is not complete: words, or a name that
// only a running director knows.
type Next struct {
	Words []Word
	// Service is set if a service comes next: the option in front of it, such as
	// "tcp-service". Server is set if a real server comes next.
	Service string
	Server  bool
	// Of is the service that the line has named, as "tcp-service" and the name.
	Of [2]string
}

// Word is a word and what it means.
type Word struct{ Text, About string }

// Complete returns what may follow words, which are the beginning of a command line without
// the program's name. It returns nothing after a mistake.
func Complete(words []string) (n Next) {
	s := scanner{words: words}
	var command *option
	given := map[name]bool{}
	for {
		it, ok, err := s.next()
		switch {
		case err != nil && it.option != nil && it.takes():
			return n.value(command, it.option)
		case err != nil:
			return Next{}
		case !ok && command == nil:
			return Next{Words: spelled(options, (*option).command)}
		case !ok:
			return Next{Words: spelled(options, func(o *option) bool {
				return !o.command() && o.name < unchecked && usages[o.name].may.has(command.verb) && !given[o.name]
			})}
		case it.command():
			command = it.option
		default:
			given[it.name] = true
			if it.name == serviceAddress {
				n.Of = [2]string{it.long, it.arg}
			}
		}
	}
}

// spelled returns the short and long forms of the options that may be chosen.
func spelled(all []option, may func(*option) bool) (words []Word) {
	for i := range all {
		o := &all[i]
		if !may(o) {
			continue
		}
		if o.short != 0 {
			words = append(words, Word{"-" + string(o.short), o.long})
		}
		if long := "--" + o.long; !slices.ContainsFunc(words, func(w Word) bool { return w.Text == long }) {
			words = append(words, Word{long, ""})
		}
	}
	return words
}

// value returns what may be the argument of an option.
func (n Next) value(command, o *option) Next {
	var texts []string
	switch {
	case o.kind == isRole:
		texts = []string{"master", "backup"}
	case o.name == serviceAddress && command != nil && command.verb != AddService:
		n.Service = o.long
	case o.name == realServer && command != nil && command.verb != AddServer:
		n.Server = true
	case o.name == scheduler:
		texts = sched.Names()
	case o.name == schedFlags:
		for _, f := range flagNames {
			texts = append(texts, f.name)
		}
	case o.name == engine:
		texts = []string{"sip"}
	case o.name == tunType:
		texts = []string{"ipip", "gue", "gre"}
	case o.name == persistent:
		texts = []string{strconv.Itoa(defaultPersistence)}
	}
	for _, t := range texts {
		n.Words = append(n.Words, Word{Text: t})
	}
	return n
}
