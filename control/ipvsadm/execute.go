package ipvsadm

import (
	"bufio"
	"fmt"
	"io"
	"slices"

	"director/control"
	"director/control/names"
	"director/control/rules"
	"director/packet"
	"director/service"
)

// Director is what commands act on. It returns the errors of package service, or
// errors that wrap them, because ipvsadm has a message for each.
type Director interface {
	AddService(service.Spec) error // without servers
	EditService(service.Spec) error
	DeleteService(service.Key) error
	Clear() error
	AddServer(service.Key, service.ServerSpec) error
	EditServer(service.Key, service.ServerSpec) error
	DeleteServer(service.Key, packet.Addr, uint16) error
	Apply(...control.Op) error // all or none; a *control.OpError says which one is refused
	Zero(*service.Key) error   // nil: everything
	Timeouts() (service.Timeouts, error)
	SetTimeouts(service.Timeouts) error // a 0 keeps the present value
	// EachService calls f for each service in the order of adding, with its servers, until
	// f returns an error. f must not keep what it gets. Counts and rates are there only if
	// counts is set.
	EachService(counts bool, f func(*control.Service) error) error
	Connections() ([]control.Connection, error) // oldest first
	Size() (int, error)                         // how many connections the table can hold
}

// Local is a director in this process.
type Local struct{ *control.Control }

// Timeouts returns the present time-outs.
func (l Local) Timeouts() (service.Timeouts, error) { return l.Control.Timeouts(), nil }

// EachService calls f for each service, until f returns an error.
func (l Local) EachService(_ bool, f func(*control.Service) error) (err error) {
	l.Control.EachService(func(s *control.Service) bool {
		err = f(s)
		return err == nil
	})
	return err
}

// Connections lists connections and templates, the oldest first.
func (l Local) Connections() ([]control.Connection, error) { return l.Control.Connections(), nil }

// Size returns how many connections the table can hold.
func (l Local) Size() (int, error) { return l.Control.Size(), nil }

// Execute carries c out on d and returns ipvsadm's exit code. It uses the names
// that the host knows. -R reads from in.
func Execute(c rules.Command, d Director, in io.Reader, out, errw io.Writer) int {
	s := Shell{Director: d, Resolver: names.System{}, Namer: names.System{}, In: in, Out: out, Err: errw}
	return s.Execute(c)
}

// Shell carries commands out on a Director.
type Shell struct {
	Director Director
	Resolver rules.Resolver // for the lines that -R reads
	Namer    rules.Namer    // nil: listings show numbers
	In       io.Reader
	Out, Err io.Writer
	// Explain prints the director's own reason for a refusal, on a line after
	// ipvsadm's message.
	Explain bool
}

// Execute carries c out and returns ipvsadm's exit code.
func (s *Shell) Execute(c rules.Command) int {
	out := bufio.NewWriterSize(s.Out, 64<<10)
	defer out.Flush()
	switch {
	case c.Verb == rules.List:
		return s.list(c, out)
	case c.Verb == rules.Restore:
		return s.restore()
	case c.Verb == rules.Save:
		if err := s.save(c, out); err != nil {
			return s.fail(err, codeList)
		}
	case c.Verb == rules.Help:
		fmt.Fprint(out, version, help)
	case c.Verb == rules.Version:
		fmt.Fprint(out, version)
	default:
		if err := s.change(c); err != nil {
			return s.fail(err, codeRefused)
		}
	}
	return 0
}

// change carries out a command that prints nothing if it succeeds.
func (s *Shell) change(c rules.Command) error {
	if c.Refused != nil {
		return c.Refused
	}
	d, k := s.Director, c.Service.Key
	switch c.Verb {
	case rules.AddService:
		return d.AddService(c.Service)
	case rules.EditService:
		return d.EditService(c.Service)
	case rules.DeleteService:
		return d.DeleteService(k)
	case rules.Clear:
		return d.Clear()
	case rules.AddServer:
		return d.AddServer(k, c.Server)
	case rules.EditServer:
		return d.EditServer(k, c.Server)
	case rules.DeleteServer:
		return d.DeleteServer(k, c.Server.Addr, c.Server.Port)
	case rules.SetTimeouts:
		return d.SetTimeouts(c.Timeouts)
	}
	if k == (service.Key{}) {
		return d.Zero(nil)
	}
	return d.Zero(&k)
}

func (s *Shell) fail(err error, code int) int {
	text := message(err)
	fmt.Fprintln(s.Err, text)
	if s.Explain && err.Error() != text {
		fmt.Fprintln(s.Err, err)
	}
	return code
}

// namer returns what looks up names for the listing, nil for numbers.
func (s *Shell) namer(c rules.Command) rules.Namer {
	if c.Listing.Numeric {
		return nil
	}
	return s.Namer
}

func (s *Shell) list(c rules.Command, out io.Writer) int {
	if c.Refused != nil {
		return s.fail(c.Refused, codeList)
	}
	switch c.Listing.View {
	case rules.TimeoutValues:
		t, err := s.Director.Timeouts()
		if err != nil {
			return s.fail(err, codeList)
		}
		fmt.Fprintf(out, "Timeout (tcp tcpfin udp): %d %d %d\n", t.TCP, t.TCPFIN, t.UDP)
		return 0
	case rules.Daemons: // there are none
		return 0
	case rules.Connections, rules.ConnectionData:
		all, err := s.Director.Connections()
		if err != nil {
			return s.fail(err, codeList)
		}
		listConnections(out, all, c.Listing.View, s.namer(c))
		return 0
	}
	return s.listServices(c, out)
}

func (s *Shell) listServices(c rules.Command, out io.Writer) int {
	view, k := c.Listing.View, c.Service.Key
	t := table{Listing: c.Listing, names: s.namer(c)}
	all, err := s.parts(view == rules.Counts || view == rules.Rates, !c.Listing.Unsorted, func(w io.Writer, each *control.Service) {
		if k == (service.Key{}) || k == each.Key {
			t.w = w
			t.service(each)
		}
	})
	if err == nil && k != (service.Key{}) && !slices.ContainsFunc(all, func(p part) bool { return p.key == k }) {
		err = service.ErrNoService
	}
	if err != nil {
		return s.fail(err, codeList)
	}
	if k == (service.Key{}) {
		size, err := s.Director.Size()
		if err != nil {
			return s.fail(err, codeList)
		}
		fmt.Fprintf(out, "IP Virtual Server version 1.2.1 (size=%d)\n", size)
	}
	io.WriteString(out, headings[view])
	writeParts(out, all)
	return 0
}

func (s *Shell) save(c rules.Command, out io.Writer) error {
	n := s.namer(c)
	all, err := s.parts(false, true, func(w io.Writer, each *control.Service) {
		rules.WriteService(w, &each.Spec, n)
		for i := range each.Servers {
			rules.WriteServer(w, each.Key, &each.Servers[i].ServerSpec, n, false)
		}
	})
	if err == nil {
		writeParts(out, all)
	}
	return err
}
