package ipvsadm

import (
	"errors"

	"director/control/rules"
	"director/service"
)

// The exit codes of ipvsadm.
const (
	codeUsage   = 2   // ipvsadm itself finds a mistake
	codeRefused = 255 // the kernel refuses, or there is no such option
	codeList    = 1   // a listing failed
)

// The messages that package service has no error for.
const (
	lineUsage     = "Try `ipvsadm -h' or 'ipvsadm --help' for more information."
	lineScheduler = "Scheduler or persistence engine not found"
	lineFamily    = "Operation not supported with specified address family"
	lineNoSync    = "This version has no sync daemon"
	lineNoDaemon  = "No daemon is running"
)

// Error is a command line that ipvsadm does not accept.
type Error struct {
	Err  *rules.Error
	Line string // what ipvsadm prints
	Code int    // its exit code
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Parse reads one command line, without the program's name. Every error is an
// *Error. A command that this version does not carry out is no error: its field
// Refused says so.
func Parse(words []string, r rules.Resolver) (rules.Command, error) {
	c, err := rules.Parse(words, r)
	if e, ok := errors.AsType[*rules.Error](err); ok {
		code := codeRefused
		if e.Kind == rules.Misused {
			code = codeUsage
		}
		return c, &Error{e, message(e), code}
	}
	return c, err
}

// errNested is the error of -R in the input of -R, which ipvsadm does not take for
// a command there.
var errNested = &Error{
	&rules.Error{Kind: rules.NoCommand, Err: errors.New("-R: not in the input of -R")}, lineUsage, codeRefused,
}

// message returns what ipvsadm prints about a command line, or about an error
// that a Director returned.
func message(err error) string {
	if e, ok := errors.AsType[*rules.Error](err); ok {
		switch e.Kind {
		case rules.NoCommand:
			return lineUsage
		case rules.Misused, rules.Unreadable:
			return e.Line
		}
	}
	switch {
	case errors.Is(err, rules.ErrNoSync):
		return lineNoSync
	case errors.Is(err, rules.ErrNoDaemon):
		return lineNoDaemon
	}
	for _, known := range []error{
		service.ErrServiceExists, service.ErrNoService, service.ErrNoServiceForServer,
		service.ErrServerExists, service.ErrNoServer, service.ErrRange, service.ErrInvalid,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if e, ok := errors.AsType[*service.SpecError](err); ok {
		return kernelMessage(e)
	}
	return err.Error()
}

// kernelMessage returns ipvsadm's message for the error by which a kernel refuses
// a specification.
func kernelMessage(e *service.SpecError) string {
	switch e.Field {
	case service.FieldFamily:
		return lineFamily
	case service.FieldScheduler, service.FieldEngine:
		return lineScheduler
	}
	return service.ErrInvalid.Error()
}
