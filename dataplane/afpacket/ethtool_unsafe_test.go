//go:build linux

package afpacket_test

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Commands of include/uapi/linux/ethtool.h that switch an offload.
const (
	ethtoolTSO = 0x1f // ETHTOOL_STSO
	ethtoolGSO = 0x24 // ETHTOOL_SGSO
	ethtoolGRO = 0x2c // ETHTOOL_SGRO
)

// ethtoolSet calls the SIOCETHTOOL ioctl with a struct ethtool_value.
func ethtoolSet(name string, command uint32, on bool) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	value := struct{ command, data uint32 }{command: command}
	if on {
		value.data = 1
	}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data *struct{ command, data uint32 }
		_    [16]byte
	}{data: &value}
	copy(request.name[:], name)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return errno
	}
	return nil
}
