package ipvsadm

import (
	"errors"
	"fmt"

	"director/service"
)

// The exit codes of ipvsadm.
const (
	codeUsage   = 2   // it found a mistake itself
	codeRefused = 255 // the kernel refused, or there is no such option
	codeList    = 1   // a listing failed
)

// What the kernel refuses beside the errors of package service, in ipvsadm's
// words.
const (
	lineScheduler = "Scheduler or persistence engine not found"
	lineFamily    = "Operation not supported with specified address family"
	lineNoDaemon  = "No daemon is running"
)

// Error is what is wrong with a command line.
type Error struct {
	Err  error  // where, what and what to do, in one line
	Line string // what ipvsadm prints
	Code int    // its exit code

	goesOn bool // -R goes on with the next line
}

func (e *Error) Error() string { return e.Err.Error() }

// mistake is an error that ipvsadm finds itself. where is the option, line
// ipvsadm's message, and more what it leaves unsaid.
func mistake(where, line string, more ...error) error {
	text := where + ": " + line
	for _, err := range more {
		text += ": " + err.Error()
	}
	return &Error{Err: errors.New(text), Line: line, Code: codeUsage}
}

// unread is an error of popt, which reads the words before ipvsadm does. It
// names the whole word; where is the option that is meant.
func unread(word, where, text string) error {
	return &Error{
		Err: fmt.Errorf("%s: %s", where, text), Line: word + ": " + text, Code: codeRefused,
		goesOn: true,
	}
}

// noCommand is the answer to a line that does not begin with a command.
func noCommand(where string) error {
	return &Error{
		Err:  fmt.Errorf("%s: the first option must be a command such as -A", where),
		Line: "Try `ipvsadm -h' or 'ipvsadm --help' for more information.",
		Code: codeRefused,
	}
}

// refusal is an error of which ipvsadm prints the line that the kernel's error
// has; here it says more.
func refusal(line, format string, args ...any) error {
	return &Error{
		Err: fmt.Errorf(format, args...), Line: line, Code: codeRefused,
		goesOn: true,
	}
}

// message is what ipvsadm prints about an error that a Director returned.
func message(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Line
	}
	for _, known := range []error{
		service.ErrServiceExists, service.ErrNoService, service.ErrNoServiceForServer,
		service.ErrServerExists, service.ErrNoServer, service.ErrRange, service.ErrInvalid,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return err.Error()
}
