package afpacket

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	// blockSize holds a super-packet of 64 KB, its headers and our headroom,
	// and some hundred small frames.
	blockSize = 128 << 10
	// blockCount is how many blocks the worker may be behind: at low rates
	// each carries a millisecond's frames.
	blockCount = 64
	// blockTimeout is how long, in milliseconds, a frame may wait in a block
	// that is not full. The kernel takes no less.
	blockTimeout = 1
	// slotSize only has to pass the kernel's checks: in version 3 a frame
	// takes as much of a block as it needs.
	slotSize = 2048
	// sendBuffer is how many bytes of socket buffers may be under way in a
	// device before sends are refused; a batch takes less than a tenth.
	sendBuffer = 2 << 20
)

// option is an integer option of a packet socket.
type option struct {
	name       string
	level, opt int
	value      int
}

// openReceive opens the receiving socket and maps its ring.
func openReceive(c Config) (fd int, mem []byte, err error) {
	fd, err = openSocket()
	if err != nil {
		return -1, nil, err
	}
	mem, err = mapRing(fd)
	if err != nil {
		unix.Close(fd)
		return -1, nil, err
	}
	if err := listen(fd, c); err != nil {
		unix.Munmap(mem)
		unix.Close(fd)
		return -1, nil, err
	}
	return fd, mem, nil
}

// listen makes the socket receive. A drop-all filter stands in front until it
// is in its group, so that no frame arrives that the filter or another member
// of the group should have had.
func listen(fd int, c Config) error {
	if err := dropAll(fd); err != nil {
		return err
	}
	if err := bind(fd, unix.ETH_P_ALL, c.Ifindex); err != nil {
		return err
	}
	if err := joinFanout(fd, c.Fanout); err != nil {
		return err
	}
	return setFilter(fd, c.Filter)
}

// openTransmit opens the sending socket. Protocol 0 keeps it from receiving;
// going past the queueing discipline saves its lock, as with AF_XDP.
func openTransmit(ifindex int) (fd int, err error) {
	fd, err = openSocket()
	if err != nil {
		return -1, err
	}
	err = setOptions(fd,
		option{"queue bypass", unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1},
		option{"send buffer", unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer})
	if err == nil {
		err = bind(fd, 0, ifindex)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// openSocket opens a packet socket that receives nothing yet.
func openSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == unix.EPERM {
		return -1, fmt.Errorf("open: %w (CAP_NET_RAW is needed)", err)
	}
	if err != nil {
		return -1, fmt.Errorf("open: %w", err)
	}
	return fd, nil
}

// mapRing makes the receive ring of a socket and maps it. What changes the
// layout of a frame has to be set first.
func mapRing(fd int) ([]byte, error) {
	err := setOptions(fd,
		option{"ring version", unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3},
		option{"offload header", unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1},
		option{"headroom", unix.SOL_PACKET, unix.PACKET_RESERVE, reserve},
		option{"ignore own frames", unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1})
	if err != nil {
		return nil, err
	}
	req := unix.TpacketReq3{
		Block_size:     blockSize,
		Block_nr:       blockCount,
		Frame_size:     slotSize,
		Frame_nr:       blockCount * blockSize / slotSize,
		Retire_blk_tov: blockTimeout,
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return nil, fmt.Errorf("ring of %d bytes: %w", blockCount*blockSize, err)
	}
	mem, err := unix.Mmap(fd, 0, blockCount*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map ring: %w", err)
	}
	return mem, nil
}

func setOptions(fd int, options ...option) error {
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.opt, o.value); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	return nil
}

func bind(fd int, proto uint16, ifindex int) error {
	var wire [2]byte // network byte order, whatever the machine's
	binary.BigEndian.PutUint16(wire[:], proto)
	sa := unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(wire[:]), Ifindex: ifindex}
	if err := unix.Bind(fd, &sa); err != nil {
		return fmt.Errorf("bind to interface %d: %w", ifindex, err)
	}
	return nil
}

// joinFanout makes the socket a member of a group that spreads flows by hash.
// Fragments are not put together: the director sees them as they come. Which
// direction a group listens to is the group's own setting.
func joinFanout(fd int, group uint16) error {
	if group == 0 {
		return nil
	}
	how := unix.PACKET_FANOUT_HASH | unix.PACKET_FANOUT_FLAG_IGNORE_OUTGOING
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, int(group)|how<<16); err != nil {
		return fmt.Errorf("join fan-out group %d (is the link up?): %w", group, err)
	}
	return nil
}

// dropAll attaches a classic filter that takes nothing.
func dropAll(fd int) error {
	prog := unix.SockFprog{Len: 1, Filter: &unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog); err != nil {
		return fmt.Errorf("attach drop-all filter: %w", err)
	}
	return nil
}

// setFilter replaces the socket's filter by a program, or by none.
func setFilter(fd, program int) error {
	var err error
	if program > 0 {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, program)
	} else {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
	}
	if err != nil {
		return fmt.Errorf("attach filter program %d: %w", program, err)
	}
	return nil
}
