//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"syscall"
	"time"
)

// Listen listens inside the host. The address is IP:port or :port; names are not
// resolved.
func (h *Host) Listen(network, address string) (net.Listener, error) {
	var l net.Listener
	err := h.Do(func() (err error) {
		// Plain TCP: a captured SYN must not depend on the kernel's setting for
		// MPTCP.
		var lc net.ListenConfig
		lc.SetMultipathTCP(false)
		l, err = lc.Listen(context.Background(), network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	return l, nil
}

// ListenPacket opens a datagram socket inside the host. A server that answers from the
// virtual address must listen on this address, because a socket on the wildcard address
// answers from eth0's address.
func (h *Host) ListenPacket(network, address string) (net.PacketConn, error) {
	var c net.PacketConn
	err := h.Do(func() (err error) {
		c, err = net.ListenPacket(network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	return c, nil
}

// Dial connects from inside the host. local is an IP:port to which the socket is bound, or
// empty. Both are addresses and not names. Dial fails when the lab is closed.
func (h *Host) Dial(ctx context.Context, network, local, remote string) (net.Conn, error) {
	d, err := dialer(network, local)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.open, cancel)()

	var c net.Conn
	err = h.Do(func() (err error) {
		c, err = d.DialContext(ctx, network, remote)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	return c, nil
}

// outputTime is how long Wait goes on to read the output of a process that has ended.
const outputTime = 10 * time.Second

// Start starts a process inside the host. The process is killed when the lab is closed or
// when this process ends. The caller must wait for it. If the process leaves others behind
// that keep its output open, Wait returns exec.ErrWaitDelay after ten seconds, unless
// cmd.WaitDelay says otherwise. Without a limit Wait would not return before they end.
func (h *Host) Start(cmd *exec.Cmd) error {
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = outputTime
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	// The kernel sends the signal when the parent thread ends. This is one of the host's
	// threads, which exist as long as the host.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := h.Do(cmd.Start); err != nil {
		return fmt.Errorf("%s: start %s: %w", h.Name, cmd.Path, err)
	}
	return nil
}

func dialer(network, local string) (*net.Dialer, error) {
	d := new(net.Dialer)
	if local == "" {
		return d, nil
	}
	var err error
	switch network {
	case "udp", "udp4", "udp6":
		d.LocalAddr, err = net.ResolveUDPAddr(network, local)
	default:
		d.LocalAddr, err = net.ResolveTCPAddr(network, local)
	}
	return d, err
}
