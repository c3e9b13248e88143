package host

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// ListenTCP opens a TCP listener. A loopback address works even while the loopback
// interface is down, as in a new network namespace. The listener can be reached once the
// interface is up.
func ListenTCP(addr string) (net.Listener, error) {
	var c net.ListenConfig
	if a, err := netip.ParseAddrPort(addr); err == nil && a.Addr().IsLoopback() {
		c.Control = freeBind
	}
	l, err := c.Listen(context.Background(), "tcp", addr)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		err = errors.New("another program listens there: give another address, or none (--http=) to do without metrics")
	case errors.Is(err, unix.EADDRNOTAVAIL):
		err = errors.New("no interface has this address")
	}
	return l, err
}

// freeBind lets a socket bind to an address that no interface has yet. The IPv4 option
// also works for IPv6 loopback addresses.
func freeBind(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1)
	})
	return errors.Join(err, failed)
}
