package afpacket

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	// blockSize is the size of a block in bytes. A block has room for a super-packet
	// of 64 KB with its headers and the headroom, or for some hundred small frames.
	blockSize = 128 << 10
	// blockCount is the number of blocks. The worker may be that many blocks behind.
	// At low rates a block contains the frames of one millisecond.
	blockCount = 64
	// blockTimeout is the time in milliseconds after which the kernel closes a block
	// that is not full. It is the smallest value that the kernel accepts.
	blockTimeout = 1
	// slotSize only needs to pass the kernel's checks. In version 3 a frame occupies
	// as much of a block as it needs.
	slotSize = 2048
	// sendBuffer is the maximum number of bytes of socket buffers that are queued in
	// a device. A batch needs less than a tenth of it.
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

// listen makes the socket receive. A filter drops all frames until the socket is in
// its group. So the socket receives no frame that the filter would drop or that
// another member of the group should receive.
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

// openTransmit opens the sending socket. With protocol 0 it does not receive. It
// bypasses the queueing discipline to avoid its lock, as AF_XDP does.
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

// openSocket opens a packet socket that does not receive yet.
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

// mapRing makes the receive ring of a socket and maps it. Options that change the
// layout of a frame must be set before.
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
	var wire [2]byte // in network byte order
	binary.BigEndian.PutUint16(wire[:], proto)
	sa := unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(wire[:]), Ifindex: ifindex}
	if err := unix.Bind(fd, &sa); err != nil {
		return fmt.Errorf("bind to interface %d: %w", ifindex, err)
	}
	return nil
}

// joinFanout adds the socket to a group that distributes flows by hash. The kernel
// does not reassemble fragments for the group, because the director does. A group
// needs its own flag to ignore outgoing frames.
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

// dropAll attaches a classic filter that drops all frames.
func dropAll(fd int) error {
	prog := unix.SockFprog{Len: 1, Filter: &unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog); err != nil {
		return fmt.Errorf("attach drop-all filter: %w", err)
	}
	return nil
}

// setFilter replaces the filter of the socket by a program, or removes it.
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
