package rules

import (
	"errors"
	"fmt"
)

// Kind says at which point a command line went wrong. The kinds differ in what
// ipvsadm answers.
type Kind uint8

const (
	// Misused is a command line that the grammar does not allow.
	Misused Kind = iota
	// Unreadable is a word that is no option, or has an argument too many or too
	// few. The library popt finds these, before ipvsadm sees the word.
	Unreadable
	// NoCommand is a line whose first option is not a command.
	NoCommand
	// Refused is a correct command that this version does not carry out, or that
	// a kernel would refuse.
	Refused
)

// Error is what is wrong with a command line.
type Error struct {
	Kind Kind
	// Err says in one line where the mistake is, what it is and what to do.
	Err error
	// Line is ipvsadm's own message. It is empty for NoCommand, and for Refused,
	// where the message depends on the reason, which Err wraps.
	Line string
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// The reasons for which the commands of the sync daemon are refused.
var (
	ErrNoSync   = errors.New("this version has no sync daemon")
	ErrNoDaemon = errors.New("no sync daemon is running")
)

// misused returns an error of the grammar. where is the option as it was
// written, line is ipvsadm's message, and more says what that leaves out.
func misused(where, line string, more ...error) error {
	text := where + ": " + line
	for _, err := range more {
		text += ": " + err.Error()
	}
	return &Error{Kind: Misused, Err: errors.New(text), Line: line}
}

// misusedLine is like misused for a mistake that no single option makes.
func misusedLine(line string) error {
	return &Error{Kind: Misused, Err: errors.New(line), Line: line}
}

// unreadable returns an error of popt. Its message names the whole word; where is
// the option within that word.
func unreadable(word, where, text string) error {
	return &Error{Kind: Unreadable, Err: fmt.Errorf("%s: %s", where, text), Line: word + ": " + text}
}

func noCommand(where string) error {
	return &Error{Kind: NoCommand, Err: fmt.Errorf("%s: the first option must be a command such as -A", where)}
}

// refused says that the command is correct but the value of the option at where
// is not possible.
func refused(where fmt.Stringer, reason error) error {
	return &Error{Kind: Refused, Err: fmt.Errorf("%s: %w", where, reason)}
}
