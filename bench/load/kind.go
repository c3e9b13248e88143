package load

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
)

// Kind groups failures by what the client saw.
type Kind string

// What can become of a request that fails, or of a connection that was due.
// Where httperf counts the same, its name is in the comment.
const (
	Timeout      Kind = "timeout"      // no whole reply in time (client-timo)
	KernelGaveUp Kind = "socket-timo"  // the kernel's own time-out came first (socket-timo)
	Refused      Kind = "refused"      // connrefused
	Reset        Kind = "reset"        // connreset
	Unreachable  Kind = "unreachable"  // no route, or a router said so
	BadReply     Kind = "bad reply"    // it came, but is no whole HTTP reply of status 200 and the right size
	NoDescriptor Kind = "fd-unavail"   // as many connections are open as may be (fd-unavail)
	FileTable    Kind = "ftab-full"    // the whole system has no descriptor left (ftab-full)
	NoPort       Kind = "addr-unavail" // every port of the client's address is taken (addrunavail)
	Other        Kind = "other"
)

// kinds are all of them, in the order of reports. Counters are arrays of the
// same order.
var kinds = [...]Kind{
	Timeout, KernelGaveUp, Refused, Reset, Unreachable, BadReply, NoDescriptor, FileTable, NoPort, Other,
}

// own reports whether the client itself is what failed, and not what it asks.
func (k Kind) own() bool { return k == NoDescriptor || k == FileTable || k == NoPort }

// index is where in kinds k is.
func (k Kind) index() int { return slices.Index(kinds[:], k) }

// errReply is wrapped by every error about the content of a reply.
var errReply = errors.New("bad reply")

// kindOf says of which kind an error is.
func kindOf(err error) Kind {
	var errno syscall.Errno
	switch {
	case errors.Is(err, errReply):
		return BadReply
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.As(err, &errno):
		return kindOfErrno(errno)
	}
	return Other
}

// kindOfErrno says of which kind the failure of a system call is.
func kindOfErrno(errno syscall.Errno) Kind {
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
