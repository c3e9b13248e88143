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

// maxIndirection bounds the size of the table in indirection. Drivers have 128 to 4096
// entries.
const maxIndirection = 1 << 16

// channels returns the number of receive queues in use and the largest possible number.
// The error is EOPNOTSUPP if the driver does not say.
func channels(fd int, name string) (used, most int, err error) {
	c := &ethtoolChannels{cmd: unix.ETHTOOL_GCHANNELS}
	if err := ethtool(fd, name, unsafe.Pointer(c)); err != nil {
		return 0, 0, err
	}
	return int(c.rxCount + c.combinedCount), int(max(c.maxRx, c.maxCombined)), nil
}

// indirection returns the RSS indirection table. Without one it returns EOPNOTSUPP or an
// empty table.
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

// featureNames is the number of the string set with the names of features
// (ETH_SS_FEATURES), and nameLen the length of a name in bytes (ETH_GSTRING_LEN).
const (
	featureNames = 4
	nameLen      = 32
)

// maxFeatures bounds the number of features. netdev_features_t has 64 bits; this leaves
// room for twice as many.
const maxFeatures = 128

// features returns the offloads of an interface by the kernel's names.
func features(fd int, name string) (map[string]Feature, error) {
	// struct ethtool_sset_info: cmd, reserved, sset_mask, data[].
	info := &struct {
		cmd, _ uint32
		mask   uint64
		count  uint32
		_      uint32
	}{cmd: unix.ETHTOOL_GSSET_INFO, mask: 1 << featureNames}
	if err := ethtool(fd, name, unsafe.Pointer(info)); err != nil {
		return nil, err
	}
	count := min(info.count, maxFeatures)
	names := &struct { // struct ethtool_gstrings
		cmd, set, count uint32
		data            [maxFeatures][nameLen]byte
	}{cmd: unix.ETHTOOL_GSTRINGS, set: featureNames, count: count}
	if err := ethtool(fd, name, unsafe.Pointer(names)); err != nil {
		return nil, err
	}
	state := &struct { // struct ethtool_gfeatures
		cmd, size uint32
		blocks    [maxFeatures / 32]struct{ available, requested, active, neverChanged uint32 }
	}{cmd: unix.ETHTOOL_GFEATURES, size: (count + 31) / 32}
	if err := ethtool(fd, name, unsafe.Pointer(state)); err != nil {
		return nil, err
	}
	list := make(map[string]Feature, count)
	for i := range count {
		block, bit := state.blocks[i/32], uint32(1)<<(i%32)
		list[unix.ByteSliceToString(names.data[i][:])] = Feature{
			On:    block.active&bit != 0,
			Fixed: block.available&bit == 0 || block.neverChanged&bit != 0,
		}
	}
	return list, nil
}

func ethtool(fd int, name string, cmd unsafe.Pointer) error {
	r := &ifreq{data: cmd}
	if len(name) >= len(r.name) {
		return unix.ENODEV
	}
	copy(r.name[:], name)
	// The kernel reads the address of cmd from memory, where the garbage collector
	// does not see it as an argument of the call. So cmd is pinned.
	var p runtime.Pinner
	p.Pin(cmd)
	defer p.Unpin()
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(r)))
	if errno != 0 {
		return errno
	}
	return nil
}
