//go:build linux

package lab

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// offload is an ethtool command that switches a feature of an interface.
type offload uint32

// The commands of include/uapi/linux/ethtool.h.
const (
	txChecksum  offload = 0x17 // ETHTOOL_STXCSUM
	tcpSegments offload = 0x1f // ETHTOOL_STSO
	segments    offload = 0x24 // ETHTOOL_SGSO
	receive     offload = 0x2c // ETHTOOL_SGRO
)

// setChannels is ETHTOOL_SCHANNELS.
const setChannels = 0x3d

// ethtoolValue is struct ethtool_value.
type ethtoolValue struct{ cmd, data uint32 }

// ethtoolChannels is struct ethtool_channels.
type ethtoolChannels struct {
	cmd                     uint32
	_                       [4]uint32 // the largest numbers, which the kernel fills in
	rx, tx, other, combined uint32
}

// ifreqData is struct ifreq with a pointer in its union.
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// setOffloads switches features of an interface on or off.
func (h *Host) setOffloads(dev string, on bool, features ...offload) error {
	for _, f := range features {
		value := &ethtoolValue{cmd: uint32(f)}
		if on {
			value.data = 1
		}
		if err := h.ethtool(dev, value.cmd, unsafe.Pointer(value)); err != nil {
			return err
		}
	}
	return nil
}

// SetQueues sets the numbers of receive and transmit queues that an interface uses, as
// ethtool -L does.
func (h *Host) SetQueues(dev string, rx, tx int) error {
	c := &ethtoolChannels{cmd: setChannels, rx: uint32(rx), tx: uint32(tx)}
	return h.ethtool(dev, c.cmd, unsafe.Pointer(c))
}

// ethtool runs an ethtool command on an interface. data points to the command's structure.
func (h *Host) ethtool(dev string, cmd uint32, data unsafe.Pointer) error {
	return h.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("%s: open ethtool socket: %w", h.Name, err)
		}
		defer unix.Close(fd)
		req := ifreqData{data: data}
		copy(req.name[:unix.IFNAMSIZ-1], dev)
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
		runtime.KeepAlive(data)
		if errno != 0 {
			return fmt.Errorf("%s: ethtool command %#x on %s: %w", h.Name, cmd, dev, errno)
		}
		return nil
	})
}
