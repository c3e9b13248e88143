// Package reinject returns frames to the kernel that the steering programs redirected
// to the director, but that are not for it. The director writes such a frame to a TAP
// device. The program that steer.AttachReinject attaches then redirects it to the
// ingress of the interface on which it arrived.
//
// The TAP device exists only while its descriptors are open, so nothing remains when
// the process is killed. It has one queue per worker. So workers write without a
// lock, and the frames of a flow stay in order, because one worker handles them.
package reinject

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Device reinjects frames into one interface.
type Device struct {
	index int
	ports []*Port
}

// Open makes the device for the interface with index target. It has one port per
// worker.
func Open(target, workers int) (*Device, error) {
	d := &Device{}
	name := fmt.Sprintf("dir-%d", target)
	for i := range workers {
		fd, err := openQueue(name, i == 0)
		if err != nil {
			d.Close()
			return nil, fmt.Errorf("reinject device %s: %w", name, err)
		}
		d.ports = append(d.ports, newPort(fd))
	}
	if err := d.start(name); err != nil {
		d.Close()
		return nil, fmt.Errorf("reinject device %s: %w", name, err)
	}
	return d, nil
}

// Index returns the kernel's index of the device.
func (d *Device) Index() int { return d.index }

// Port returns the port of worker i.
func (d *Device) Port(i int) *Port { return d.ports[i] }

// Close closes all ports. The kernel removes the device with the last one.
func (d *Device) Close() error {
	var errs []error
	for _, p := range d.ports {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// openQueue opens one queue of the device. The first call creates the device. It
// fails if the device exists, because it then belongs to another director.
func openQueue(name string, first bool) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, fmt.Errorf("open /dev/net/tun: 'modprobe tun' creates it: %w", err)
	}
	if err != nil {
		return -1, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_MULTI_QUEUE)
	if first {
		flags |= unix.IFF_TUN_EXCL
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(flags)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if errors.Is(err, unix.EBUSY) {
		err = fmt.Errorf("another director serves the interface: %w", err)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// start brings the device up. The device gets no IPv6 address, so the host announces
// nothing on it. A host without IPv6 refuses this setting and does not need it.
func (d *Device) start(name string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	const noAddress = 1 // IN6_ADDR_GEN_MODE_NONE, linux/if_link.h
	_ = netlink.LinkSetIP6AddrGenMode(l, noAddress)
	d.index = l.Attrs().Index
	return netlink.LinkSetUp(l)
}
