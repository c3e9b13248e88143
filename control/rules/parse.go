package rules

import (
	"fmt"

	"director/service"
)

// Command is one command line with ipvsadm's defaults filled in.
type Command struct {
	Verb     Verb
	Service  service.Spec       // of -A and -E; other commands set the Key only, -L and -Z may leave it zero
	Server   service.ServerSpec // of -a and -e; -d sets the address and port only
	Listing  Listing            // of -L; -S sets Numeric only
	Timeouts service.Timeouts   // of --set

	// Refused is not nil for a correct command that this version does not carry
	// out. It is an *Error of the kind Refused.
	Refused error
}

// draft is a command while its options are being read.
type draft struct {
	Command
	resolver Resolver
	given    [unchecked]item // by name; an item without an option was not given
	server   endpoint        // the real server
	ipv6     bool            // the service is one of IPv6
}

// Parse reads one command line, without the program's name. r looks up names of
// hosts and services. Every error is an *Error.
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
				Line: fmt.Sprintf("invalid option `%s'", s.word),
			}
		case it.name != unchecked:
			if d.has(it.name) {
				return misused(it.spelled, fmt.Sprintf("multiple '%s' options specified", usages[it.name].text))
			}
			d.given[it.name] = it
		}
		if err := d.read(it); err != nil {
			return err
		}
	}
}

func (d *draft) has(n name) bool { return d.given[n].option != nil }

// finish checks the options against each other, in ipvsadm's order.
func (d *draft) finish(first item, rest []string) error {
	if d.Verb == SetTimeouts {
		if err := d.timeouts(rest); err != nil {
			return err
		}
		rest = rest[3:]
	}
	if len(rest) > 0 {
		return misusedLine("unexpected argument " + rest[0])
	}
	if err := d.flags(); err != nil {
		return err
	}
	for n := range unchecked {
		usage, command := usages[n], verbNames[d.Verb]
		if d.has(n) && !usage.may.has(d.Verb) {
			return misused(d.given[n].spelled, fmt.Sprintf("Illegal '%s' option with the '%s' command", usage.text, command))
		}
		if !d.has(n) && usage.needs.has(d.Verb) {
			return misused(first.spelled, fmt.Sprintf("You need to supply the '%s' option for the '%s' command", usage.text, command))
		}
	}
	return d.finishVerb()
}

func (d *draft) finishVerb() error {
	d.Listing.Numeric = d.has(numeric)
	var invalid error
	switch d.Verb {
	case List:
		if err := d.listing(); err != nil {
			return err
		}
	case AddService, EditService:
		var err error
		if invalid, err = d.finishService(); err != nil {
			return err
		}
	case AddServer, EditServer, DeleteServer:
		if err := d.finishServer(); err != nil {
			return err
		}
	}
	d.Refused = d.refuse(invalid)
	return nil
}

// exclusive refuses two options of which only one may be given. in says, for the
// message, in which command or tunnel they conflict.
func (d *draft) exclusive(in string, names ...name) error {
	before := unchecked
	for _, n := range names {
		if !d.has(n) {
			continue
		}
		if before != unchecked {
			return misused(d.given[n].spelled, fmt.Sprintf("The option '%s' conflicts with the '%s' option in the %s",
				usages[n].text, usages[before].text, in))
		}
		before = n
	}
	return nil
}
