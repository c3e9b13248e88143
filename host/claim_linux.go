package host

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Claim holds interfaces against a second director, whatever kind of I/O
// either uses. Each is an abstract unix socket named after the interface's
// index: such names are per network namespace, as interfaces are, need no file
// and vanish with the process, however it dies. A rename does not get around
// it.
type Claim struct {
	fds []int
}

// ClaimInterfaces claims all of names or none, in the network namespace of the
// calling thread. The error about an interface that does not exist matches
// ErrUsage, that about one that another director serves does not.
func ClaimInterfaces(names []string) (*Claim, error) {
	c := new(Claim)
	for _, name := range names {
		if err := c.add(name); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// Close gives the interfaces up.
func (c *Claim) Close() error {
	for _, fd := range c.fds {
		unix.Close(fd)
	}
	c.fds = nil
	return nil
}

func (c *Claim) add(name string) error {
	ifi, err := Interface(name)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("claim %s: socket: %w", name, err)
	}
	// x/sys writes the leading @ as the zero byte of an abstract name.
	addr := &unix.SockaddrUnix{Name: fmt.Sprintf("@director/interface/%d", ifi.Index)}
	if err = unix.Bind(fd, addr); err == nil {
		err = unix.Listen(fd, 1) // so that the next one can ask who we are
	}
	if err == nil {
		c.fds = append(c.fds, fd)
		return nil
	}
	if errors.Is(err, unix.EADDRINUSE) {
		err = fmt.Errorf("interface %s is already served by %s: stop it first", name, holder(fd, addr))
	} else {
		err = fmt.Errorf("claim %s: %w", name, err)
	}
	unix.Close(fd)
	return err
}

// holder names the process that listens at addr, by way of the unbound fd.
func holder(fd int, addr unix.Sockaddr) string {
	if unix.Connect(fd, addr) == nil {
		cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err == nil && cred.Pid > 0 { // 0: it lives in another pid namespace
			return process(int(cred.Pid))
		}
	}
	return "another process (see ss -lxp | grep director)"
}

func process(pid int) string {
	if pid == os.Getpid() {
		return "this process"
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("process %d (%s)", pid, strings.TrimSpace(string(comm)))
}
