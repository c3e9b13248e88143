package host

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Claim keeps a second director off interfaces, independent of the kinds of I/O. The
// claim of an interface is an abstract unix socket named after the interface's index.
// Such names belong to a network namespace, as interfaces do. They need no file and
// vanish with the process, however it ends. Renaming the interface does not evade the
// claim.
type Claim struct {
	fds []int
}

// ClaimInterfaces claims all named interfaces or none, in the network namespace of the
// calling thread. The error matches ErrUsage if an interface does not exist, but not if
// another director serves it.
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

// Close releases the interfaces.
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
		return fmt.Errorf("--interface: %w", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("claim %s: socket: %w", name, err)
	}
	addr := claimAddr(ifi.Index)
	if err = unix.Bind(fd, addr); err == nil {
		// A second director connects to learn the process number. Connections are
		// never accepted; they stay in the queue.
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	if err == nil {
		c.fds = append(c.fds, fd)
		return nil
	}
	if errors.Is(err, unix.EADDRINUSE) {
		err = fmt.Errorf("interface %s is already served by %s: stop it first", name, holder(fd, unix.Connect(fd, addr)))
	} else {
		err = fmt.Errorf("claim %s: %w", name, err)
	}
	unix.Close(fd)
	return err
}

// ServedBy returns a description of the process that has claimed an interface, "" if
// none has. It does not claim the interface itself.
func ServedBy(name string) (string, error) {
	ifi, err := Interface(name)
	if err != nil {
		return "", err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("ask who serves %s: socket: %w", name, err)
	}
	defer unix.Close(fd)
	err = unix.Connect(fd, claimAddr(ifi.Index))
	if errors.Is(err, unix.ECONNREFUSED) {
		return "", nil
	}
	return holder(fd, err), nil
}

// claimAddr returns the address of a claim. x/sys replaces the leading @ by the zero byte
// of an abstract name.
func claimAddr(index int) unix.Sockaddr {
	return &unix.SockaddrUnix{Name: fmt.Sprintf("@director/interface/%d", index)}
}

// holder describes the process that listens at the address that fd was connected to.
// connected is the result of that connect.
func holder(fd int, connected error) string {
	if connected == nil {
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
