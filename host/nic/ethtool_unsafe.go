//go:build linux

package nic

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ifreq is struct ifreq with the member that ethtool uses.
type ifreq struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte // the rest of the union
}

// ethtoolChannels is struct ethtool_channels (linux/ethtool.h).
type ethtoolChannels struct {
	cmd                                         uint32
	maxRx, maxTx, maxOther, maxCombined         uint32
	rxCount, txCount, otherCount, combinedCount uint32
}

// maxIndirection bounds the table that indirection asks for. Drivers have 128
// to 4096 entries.
const maxIndirection = 1 << 16

// channels returns the receive queues in use, EOPNOTSUPP if the driver cannot
// tell.
func channels(fd int, name string) (int, error) {
	c := &ethtoolChannels{cmd: unix.ETHTOOL_GCHANNELS}
	if err := ethtool(fd, name, unsafe.Pointer(c)); err != nil {
		return 0, err
	}
	return int(c.rxCount + c.combinedCount), nil
}

// indirection returns the RSS indirection table, EOPNOTSUPP or nothing if
// there is none.
func indirection(fd int, name string) ([]uint32, error) {
	// struct ethtool_rxfh_indir: cmd, size, ring_index[size]; size 0 asks for
	// the size.
	head := &[2]uint32{unix.ETHTOOL_GRXFHINDIR, 0}
	if err := ethtool(fd, name, unsafe.Pointer(head)); err != nil {
		return nil, err
	}
	size := head[1]
	if size == 0 || size > maxIndirection {
		return nil, nil
	}
	table := make([]uint32, 2+size)
	table[0], table[1] = unix.ETHTOOL_GRXFHINDIR, size
	if err := ethtool(fd, name, unsafe.Pointer(&table[0])); err != nil {
		return nil, err
	}
	return table[2:], nil
}

func ethtool(fd int, name string, cmd unsafe.Pointer) error {
	r := &ifreq{data: cmd}
	if len(name) >= len(r.name) {
		return unix.ENODEV
	}
	copy(r.name[:], name)
	// cmd lies on the Go heap and reaches the kernel through memory, so it is
	// pinned although today's collector does not move things.
	var p runtime.Pinner
	p.Pin(cmd)
	defer p.Unpin()
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(r)))
	if errno != 0 {
		return errno
	}
	return nil
}
