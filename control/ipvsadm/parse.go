package ipvsadm

import (
	"fmt"

	"director/control"
	"director/service"
)

// Command is one command line, ipvsadm's defaults filled in.
type Command struct {
	Verb     Verb
	Service  service.Spec       // of -A and -E; of others its Key only, zero where -L and -Z name none
	Server   service.ServerSpec // of -a and -e; of -d its address and port
	Listing  Listing            // of -L; of -S its Numeric only
	Timeouts control.Timeouts   // of --set

	// Refused says why no director of this version carries out what ipvsadm
	// would ask its kernel for, or is nil. It is an *Error.
	Refused error
}

// draft is a command of which some options were read.
type draft struct {
	Command
	resolver Resolver
	given    [unchecked]item // without an option: not given
	server   endpoint        // the real server
	ipv6     bool            // the service is one of IPv6
}

// Parse reads one command line, without the program's name. Names of hosts and
// services are looked up with r. Its errors are of type *Error.
func Parse(words []string, r Resolver) (Command, error) {
	if len(words) == 0 {
		return Command{Verb: List}, nil
	}
	s := scanner{words: words}
	first, ok, err := s.next()
	if !ok || err != nil || !first.command() {
		return Command{}, noCommand(words[0])
	}
	d := draft{Command: Command{Verb: first.verb}, resolver: r}
	switch d.Verb {
	case Help, Version:
		return d.Command, nil
	case StartDaemon, StopDaemon:
		if err := checkRole(first); err != nil {
			return Command{}, err
		}
	case AddServer, EditServer:
		d.Server = service.ServerSpec{Method: service.DR, Weight: 1} // ipvsadm's defaults
	}
	if err := d.readAll(&s); err != nil {
		return Command{}, err
	}
	if err := d.finish(first, s.rest); err != nil {
		return Command{}, err
	}
	return d.Command, nil
}

// readAll reads the options after the command.
func (d *draft) readAll(s *scanner) error {
	for {
		it, ok, err := s.next()
		switch {
		case err != nil:
			return err
		case !ok:
			return nil
		case it.command():
			return &Error{
				Err:  fmt.Errorf("%s: multiple commands specified: give each its own line", it.spelled),
				Line: fmt.Sprintf("invalid option `%s'", s.word), Code: codeUsage,
			}
		case it.name != unchecked:
			if d.has(it.name) {
				return mistake(it.spelled, fmt.Sprintf("multiple '%s' options specified", rules[it.name].text))
			}
			d.given[it.name] = it
		}
		if err := d.read(it); err != nil {
			return err
		}
	}
}

func (d *draft) has(n name) bool { return d.given[n].option != nil }

// finish checks what only all options together can tell, in ipvsadm's order.
func (d *draft) finish(first item, rest []string) error {
	if d.Verb == SetTimeouts {
		if err := d.timeouts(rest); err != nil {
			return err
		}
		rest = rest[3:]
	}
	if len(rest) > 0 {
		line := "unexpected argument " + rest[0]
		return &Error{Err: fmt.Errorf("%s", line), Line: line, Code: codeUsage}
	}
	if err := d.flags(); err != nil {
		return err
	}
	for n := range unchecked {
		rule, command := rules[n], verbNames[d.Verb]
		if d.has(n) && !rule.may.has(d.Verb) {
			return mistake(d.given[n].spelled, fmt.Sprintf("Illegal '%s' option with the '%s' command", rule.text, command))
		}
		if !d.has(n) && rule.needs.has(d.Verb) {
			return mistake(first.spelled, fmt.Sprintf("You need to supply the '%s' option for the '%s' command", rule.text, command))
		}
	}
	return d.finishVerb()
}

func (d *draft) finishVerb() error {
	d.Listing.Numeric = d.has(numeric)
	switch d.Verb {
	case List:
		if err := d.listing(); err != nil {
			return err
		}
	case AddService, EditService:
		if err := d.finishService(); err != nil {
			return err
		}
	case AddServer, EditServer, DeleteServer:
		if err := d.finishServer(); err != nil {
			return err
		}
	}
	d.Refused = d.refuse()
	return nil
}

// exclusive finds two of the given names, of which only one may be given. The
// later one conflicts with the earlier one; in says where.
func (d *draft) exclusive(in string, names ...name) error {
	before := unchecked
	for _, n := range names {
		if !d.has(n) {
			continue
		}
		if before != unchecked {
			return mistake(d.given[n].spelled, fmt.Sprintf("The option '%s' conflicts with the '%s' option in the %s",
				rules[n].text, rules[before].text, in))
		}
		before = n
	}
	return nil
}
