// Package nic asks a network interface about its receive queues: how many it
// has, and which of them its flow hash (RSS) can choose.
package nic

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/host"
)

// Control asks about the interfaces of the network namespace it was opened in,
// from whatever thread. It asks by ioctl and netlink, as /sys may show another
// namespace. Any goroutine may use it.
type Control struct {
	fd int // ioctls of interfaces go through a socket, any socket
	nl *netlink.Handle
}

// Open makes a Control for the network namespace of the calling thread.
func Open() (*Control, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket for ethtool: %w", err)
	}
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	return &Control{fd, nl}, nil
}

// Close releases the sockets.
func (c *Control) Close() error {
	c.nl.Close()
	return unix.Close(c.fd)
}

// Queues returns how many receive queues the interface has in use: what
// ethtool -l shows as rx and combined or, of a driver that cannot tell, what
// was allocated.
func (c *Control) Queues(name string) (int, error) {
	n, _, err := channels(c.fd, name)
	if err == nil && n > 0 {
		return n, nil
	}
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return 0, fmt.Errorf("count the receive queues of %s: %w", name, err)
	}
	l, err := c.nl.LinkByName(name)
	if err != nil {
		return 0, fmt.Errorf("count the receive queues of %s: %w", name, err)
	}
	return max(1, l.Attrs().NumRxQueues), nil
}

// Device returns what the interface belongs to as BUS/NAME, such as
// pci/0000:3b:00.0 or virtio/virtio2, "" for a virtual one.
func (c *Control) Device(name string) (string, error) {
	l, err := c.nl.LinkByName(name)
	if err != nil {
		return "", fmt.Errorf("find the device of %s: %w", name, err)
	}
	if a := l.Attrs(); a.ParentDev != "" {
		return a.ParentDevBus + "/" + a.ParentDev, nil
	}
	return "", nil
}

// CheckServed returns an error, which matches host.ErrUsage, unless serving
// just these queues of the interface catches every frame: each queue exists,
// and if some are left out then the indirection table avoids those. A device
// without such a table (veth, many virtual ones) may use any queue. Flow
// steering rules (ethtool -N) are the operator's own and not looked at.
func (c *Control) CheckServed(name string, served []int) error {
	count, err := c.Queues(name)
	if err != nil {
		return err
	}
	for _, q := range served {
		if q < 0 || q >= count {
			return host.Usagef("--queues: %s has no queue %d, only 0 to %d", name, q, count-1)
		}
	}
	table, err := indirection(c.fd, name)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("read the indirection table of %s: %w", name, err)
	}
	return checkSpread(name, count, table, served)
}

// checkSpread is CheckServed once the device has answered; an empty table
// means that it has none.
func checkSpread(name string, count int, table []uint32, served []int) error {
	missed := func(q int) bool { return !slices.Contains(served, q) }
	for q := range count {
		if !missed(q) {
			continue
		}
		if len(table) == 0 {
			return host.Usagef("--queues: %s may receive on queue %d, which is left out, and has no indirection "+
				"table to prevent it: serve all %d queues, or fewer after: ethtool -L %s rx N (or combined N)",
				name, q, count, name)
		}
		if slices.Contains(table, uint32(q)) {
			return host.Usagef("--queues: RSS of %s spreads frames to queue %d, which is left out: ethtool -X %s %s",
				name, q, name, spread(count, missed))
		}
	}
	return nil
}

// spread returns the arguments of ethtool -X that confine RSS to what is not
// missed.
func spread(count int, missed func(int) bool) string {
	weights := make([]string, count)
	start, equal, gaps := -1, 0, 0
	for q := range count {
		weights[q] = "0"
		if missed(q) {
			continue
		}
		weights[q] = "1"
		if start < 0 {
			start = q
		}
		equal++
		gaps = q + 1 - start - equal
	}
	if gaps > 0 {
		return "weight " + strings.Join(weights, " ")
	}
	return fmt.Sprintf("start %d equal %d", start, equal)
}
