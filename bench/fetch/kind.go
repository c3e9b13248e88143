package fetch

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
)

// Kind groups failures by what the client observed.
type Kind string

// The ways in which a request or a connection can fail. If httperf counts the same
// failure, its name is in parentheses.
const (
	Timeout      Kind = "timeout"      // no complete reply in time (client-timo)
	KernelGaveUp Kind = "socket-timo"  // the kernel's own time-out expired first (socket-timo)
	Refused      Kind = "refused"      // connrefused
	Reset        Kind = "reset"        // connreset
	Unreachable  Kind = "unreachable"  // there is no route, or a router reported that
	BadReply     Kind = "bad reply"    // a reply that is not a complete HTTP reply of status 200 and the right size
	NoDescriptor Kind = "fd-unavail"   // the process has no free descriptor, or reached its limit of connections (fd-unavail)
	FileTable    Kind = "ftab-full"    // the system has no free descriptor (ftab-full)
	NoPort       Kind = "addr-unavail" // all ports of the client's address are in use (addrunavail)
	Other        Kind = "other"
)

// Kinds lists all kinds in the order of reports. Arrays of counters have the same
// order: see Index.
var Kinds = [...]Kind{
	Timeout, KernelGaveUp, Refused, Reset, Unreachable, BadReply, NoDescriptor, FileTable, NoPort, Other,
}

// Own reports whether the client failed, not what it asked.
func (k Kind) Own() bool { return k == NoDescriptor || k == FileTable || k == NoPort }

// Index returns the position of k in Kinds.
func (k Kind) Index() int { return slices.Index(Kinds[:], k) }

// Every error about the content of a reply wraps errReply.
var errReply = errors.New("bad reply")

// KindOf returns the kind of an error.
func KindOf(err error) Kind {
	var errno syscall.Errno
	switch {
	case errors.Is(err, errReply):
		return BadReply
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.As(err, &errno):
		return KindOfErrno(errno)
	}
	return Other
}

// KindOfErrno returns the kind of a failed system call.
func KindOfErrno(errno syscall.Errno) Kind {
	switch errno {
	case syscall.ETIMEDOUT:
		return KernelGaveUp
	case syscall.ECONNREFUSED:
		return Refused
	case syscall.ECONNRESET, syscall.EPIPE:
		return Reset
	case syscall.EHOSTUNREACH, syscall.ENETUNREACH:
		return Unreachable
	case syscall.EMFILE:
		return NoDescriptor
	case syscall.ENFILE:
		return FileTable
	case syscall.EADDRNOTAVAIL, syscall.EADDRINUSE:
		return NoPort
	}
	return Other
}
