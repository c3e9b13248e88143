// Package reinject returns frames to the kernel: those that the steering
// programs claimed and that are not the director's after all. What is written
// to its device is put on the ingress of the interface it came from, by the
// program that steer.AttachReinject attaches.
//
// The device is a TAP that lives as long as its descriptors, so that nothing is
// left of it when the process is killed. It has one queue per worker: workers
// write without a lock, and the frames of a flow stay in order because they
// stay with their worker.
package reinject

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Device is the way back to one interface.
type Device struct {
	index int
	ports []*Port
}

// Open makes the device for the interface with index target, with one port for
// each worker.
func Open(target, workers int) (*Device, error) {
	d := &Device{}
	name := fmt.Sprintf("dir-%d", target)
	for i := range workers {
		fd, err := openQueue(name, i == 0)
		if err != nil {
			d.Close()
			return nil, fmt.Errorf("give-back device %s: %w", name, err)
		}
		d.ports = append(d.ports, newPort(fd))
	}
	if err := d.start(name); err != nil {
		d.Close()
		return nil, fmt.Errorf("give-back device %s: %w", name, err)
	}
	return d, nil
}

// Index is the kernel's index of the device.
func (d *Device) Index() int { return d.index }

// Port is the way back for worker i.
func (d *Device) Port(i int) *Port { return d.ports[i] }

// Close closes all ports; the device goes with the last.
func (d *Device) Close() error {
	var errs []error
	for _, p := range d.ports {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// openQueue opens one queue of the device. The first one makes it, and must not
// find it there: it would be another director's.
func openQueue(name string, first bool) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, fmt.Errorf("open /dev/net/tun: 'modprobe tun' makes it: %w", err)
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

// start brings the device up, and keeps the host from announcing itself on it:
// without addresses it has nothing to say. Hosts without IPv6 refuse the first
// call, and need it not.
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
