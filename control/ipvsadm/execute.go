package ipvsadm

import (
	"bufio"
	"fmt"
	"io"

	"director/control"
	"director/packet"
	"director/service"
)

// Director is what commands act on. Where an error of package service fits, it
// returns that, or one that wraps it: ipvsadm has words for them.
type Director interface {
	AddService(service.Spec) error // without servers
	EditService(service.Spec) error
	DeleteService(service.Key) error
	Clear() error
	AddServer(service.Key, service.ServerSpec) error
	EditServer(service.Key, service.ServerSpec) error
	DeleteServer(service.Key, packet.Addr, uint16) error
	Apply(...control.Op) error // all or none; a *control.OpError tells which is refused
	Zero(*service.Key) error   // nil: everything
	Timeouts() (control.Timeouts, error)
	SetTimeouts(control.Timeouts) error         // a zero keeps
	Services() ([]control.Service, error)       // in the order of adding
	Connections() ([]control.Connection, error) // oldest first
	Size() (int, error)                         // of the connection table
}

// Local is a director in this process.
type Local struct{ *control.Control }

// Timeouts returns the time-outs as they are set.
func (l Local) Timeouts() (control.Timeouts, error) { return l.Control.Timeouts(), nil }

// Services lists the services in the order of adding, with their servers.
func (l Local) Services() ([]control.Service, error) { return l.Control.Services(), nil }

// Connections lists connections and templates, the oldest first.
func (l Local) Connections() ([]control.Connection, error) { return l.Control.Connections(), nil }

// Size returns the most connections that the table holds.
func (l Local) Size() (int, error) { return l.Control.Size(), nil }

// Execute carries c out on d, with the names that the host knows, and returns
// ipvsadm's exit code. -R reads from in.
func Execute(c Command, d Director, in io.Reader, out, errw io.Writer) int {
	s := Shell{Director: d, Resolver: System{}, Namer: System{}, In: in, Out: out, Err: errw}
	return s.Execute(c)
}

// Shell is where commands are carried out.
type Shell struct {
	Director Director
	Resolver Resolver // of what -R reads
	Namer    Namer    // nil: everything is listed by number
	In       io.Reader
	Out, Err io.Writer
	// Explain adds to ipvsadm's message about a refusal, on a line of its own, what
	// the director knows of the reason.
	Explain bool
}

// Execute carries c out and returns ipvsadm's exit code.
func (s *Shell) Execute(c Command) int {
	out := bufio.NewWriter(s.Out)
	defer out.Flush()
	switch {
	case c.Verb == List:
		return s.list(c, out)
	case c.Verb == Restore:
		return s.restore()
	case c.Verb == Save:
		if err := s.save(c, out); err != nil {
			return s.fail(err, codeList)
		}
	case c.Verb == Help:
		fmt.Fprint(out, version, help)
	case c.Verb == Version:
		fmt.Fprint(out, version)
	default:
		if err := s.change(c); err != nil {
			return s.fail(err, codeRefused)
		}
	}
	return 0
}

// change carries out a command that prints nothing.
func (s *Shell) change(c Command) error {
	if c.Refused != nil {
		return c.Refused
	}
	d, k := s.Director, c.Service.Key
	switch c.Verb {
	case AddService:
		return d.AddService(c.Service)
	case EditService:
		return d.EditService(c.Service)
	case DeleteService:
		return d.DeleteService(k)
	case Clear:
		return d.Clear()
	case AddServer:
		return d.AddServer(k, c.Server)
	case EditServer:
		return d.EditServer(k, c.Server)
	case DeleteServer:
		return d.DeleteServer(k, c.Server.Addr, c.Server.Port)
	case SetTimeouts:
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

// names returns who knows names, or nil.
func (s *Shell) names(c Command) Namer {
	if c.Listing.Numeric {
		return nil
	}
	return s.Namer
}

func (s *Shell) list(c Command, out io.Writer) int {
	if c.Refused != nil {
		return s.fail(c.Refused, codeList)
	}
	switch c.Listing.View {
	case TimeoutValues:
		t, err := s.Director.Timeouts()
		if err != nil {
			return s.fail(err, codeList)
		}
		fmt.Fprintf(out, "Timeout (tcp tcpfin udp): %d %d %d\n", t.TCP, t.TCPFIN, t.UDP)
		return 0
	case Daemons: // there are none
		return 0
	case Connections, ConnectionData:
		all, err := s.Director.Connections()
		if err != nil {
			return s.fail(err, codeList)
		}
		listConnections(out, all, c.Listing.View, s.names(c))
		return 0
	}
	return s.listServices(c, out)
}

func (s *Shell) listServices(c Command, out io.Writer) int {
	all, err := s.Director.Services()
	if err != nil {
		return s.fail(err, codeList)
	}
	if !c.Listing.Unsorted {
		all = sorted(all)
	}
	if k := c.Service.Key; k != (service.Key{}) {
		if all = only(all, k); len(all) == 0 {
			return s.fail(service.ErrNoService, codeList)
		}
	} else {
		size, err := s.Director.Size()
		if err != nil {
			return s.fail(err, codeList)
		}
		fmt.Fprintf(out, "IP Virtual Server version 1.2.1 (size=%d)\n", size)
	}
	t := table{c.Listing, s.names(c), out}
	t.services(all)
	return 0
}

// only returns the service k of all.
func only(all []control.Service, k service.Key) []control.Service {
	for i := range all {
		if all[i].Key == k {
			return all[i : i+1]
		}
	}
	return nil
}

func (s *Shell) save(c Command, out io.Writer) error {
	all, err := s.Director.Services()
	if err != nil {
		return err
	}
	names := s.names(c)
	for _, have := range sorted(all) {
		writeService(out, &have.Spec, names)
		for i := range have.Servers {
			writeServer(out, have.Key, &have.Servers[i].ServerSpec, names, false)
		}
	}
	return nil
}
