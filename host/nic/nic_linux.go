// Package nic asks a network interface about its receive queues, its offloads and its
// driver's abilities.
package nic

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Control asks about the interfaces of the network namespace that it was opened in. Any
// goroutine on any thread may use it. It uses ioctl and netlink, because /sys may show
// another namespace.
type Control struct {
	fd int // any socket: ioctls about interfaces need one
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

// Queues returns how many receive queues the interface uses: the sum of rx and combined
// in ethtool -l. If the driver does not say, it is the number that was allocated.
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

// Device returns the device of the interface as BUS/NAME, such as pci/0000:3b:00.0 or
// virtio/virtio2, "" for a virtual interface.
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

// Master returns the name and the kind of the link that the interface is a part of, such as
// br0 and bridge. Both are empty if there is none.
func (c *Control) Master(name string) (master, kind string, err error) {
	l, err := c.nl.LinkByName(name)
	if err == nil && l.Attrs().MasterIndex != 0 {
		l, err = c.nl.LinkByIndex(l.Attrs().MasterIndex)
		if err == nil {
			return l.Attrs().Name, l.Type(), nil
		}
	}
	if err != nil {
		return "", "", fmt.Errorf("find the master of %s: %w", name, err)
	}
	return "", "", nil
}

// Spread returns the RSS indirection table of the interface: the queue that each of
// its slots sends frames to. It is empty for a device without one.
func (c *Control) Spread(name string) ([]uint32, error) {
	table, err := indirection(c.fd, name)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return nil, fmt.Errorf("read the indirection table of %s: %w", name, err)
	}
	return table, nil
}
