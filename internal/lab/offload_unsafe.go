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

// ethtoolValue is struct ethtool_value.
type ethtoolValue struct{ cmd, data uint32 }

// ifreqData is struct ifreq with a pointer in its union.
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// setOffloads switches features of an interface on or off.
func (h *Host) setOffloads(dev string, on bool, features ...offload) error {
	return h.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("%s: open ethtool socket: %w", h.Name, err)
		}
		defer unix.Close(fd)
		for _, f := range features {
			if err := ethtool(fd, dev, f, on); err != nil {
				return fmt.Errorf("%s: ethtool command %#x on %s: %w", h.Name, uint32(f), dev, err)
			}
		}
		return nil
	})
}

func ethtool(fd int, dev string, f offload, on bool) error {
	value := ethtoolValue{cmd: uint32(f)}
	if on {
		value.data = 1
	}
	req := ifreqData{data: unsafe.Pointer(&value)}
	copy(req.name[:unix.IFNAMSIZ-1], dev)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	runtime.KeepAlive(&value)
	if errno != 0 {
		return errno
	}
	return nil
}
