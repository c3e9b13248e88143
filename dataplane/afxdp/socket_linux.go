package afxdp

import (
	"errors"

	"director/internal/arena"

	"golang.org/x/sys/unix"
)

// socket is an AF_XDP socket with its UMEM and its four rings.
type socket struct {
	fd         int
	umem       []byte
	fill, done shared[uint64] // done is the completion ring
	rx, tx     shared[unix.XDPDesc]

	offsets  unix.XDPMmapOffsets
	mappings [][]byte // of the rings
}

// step is one part of opening a socket.
type step struct {
	name string // verb and object; the name of the queue follows it in errors
	do   func() error
}

// openSocket opens a socket in mode ZeroCopy or Copy. If it fails, it leaves nothing
// open, mapped or bound.
func openSocket(c Config, mode Mode) (*socket, error) {
	s := &socket{fd: -1}
	if err := s.run(s.steps(c, mode), c, mode); err != nil {
		return nil, err
	}
	return s, nil
}

// run executes the steps in order. If one fails, run undoes all of them.
func (s *socket) run(steps []step, c Config, mode Mode) error {
	for _, step := range steps {
		if err := step.do(); err != nil {
			return errors.Join(stepError(step.name, c, mode, err), s.close())
		}
	}
	return nil
}

// The names of the steps whose errors have remedies.
const (
	stepOpen     = "open AF_XDP socket for"
	stepRegister = "register UMEM of"
	stepBind     = "bind AF_XDP socket to"
)

// steps returns the steps in the order that the kernel requires
// (Documentation/networking/af_xdp.rst): UMEM, ring sizes, bind. The rings are mapped
// before bind, because a bound socket receives at once.
func (s *socket) steps(c Config, mode Mode) []step {
	entries := c.Chunks / 2
	size := func(option int) func() error {
		return func() error { return unix.SetsockoptInt(s.fd, unix.SOL_XDP, option, entries) }
	}
	return []step{
		{stepOpen, func() (err error) {
			s.fd, err = unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
			return err
		}},
		{"allocate UMEM of", func() (err error) {
			s.umem, err = arena.Map(c.Chunks * ChunkSize)
			return err
		}},
		{stepRegister, func() error { return registerUMEM(s.fd, s.umem) }},
		{"size the fill ring of", size(unix.XDP_UMEM_FILL_RING)},
		{"size the completion ring of", size(unix.XDP_UMEM_COMPLETION_RING)},
		{"size the receive ring of", size(unix.XDP_RX_RING)},
		{"size the transmit ring of", size(unix.XDP_TX_RING)},
		{"read the ring offsets of", func() (err error) {
			s.offsets, err = getsockopt[unix.XDPMmapOffsets](s.fd, unix.XDP_MMAP_OFFSETS)
			return err
		}},
		{"map the fill ring of", func() error {
			return mapRing(s, &s.fill, unix.XDP_UMEM_PGOFF_FILL_RING, s.offsets.Fr, entries)
		}},
		{"map the completion ring of", func() error {
			return mapRing(s, &s.done, unix.XDP_UMEM_PGOFF_COMPLETION_RING, s.offsets.Cr, entries)
		}},
		{"map the receive ring of", func() error {
			return mapRing(s, &s.rx, unix.XDP_PGOFF_RX_RING, s.offsets.Rx, entries)
		}},
		{"map the transmit ring of", func() error {
			return mapRing(s, &s.tx, unix.XDP_PGOFF_TX_RING, s.offsets.Tx, entries)
		}},
		{stepBind, func() error { return unix.Bind(s.fd, address(c, mode)) }},
	}
}

// address returns the address for bind: the queue and the flags. Other ways of
// binding would be flags here: a UMEM shared with another socket (XDP_SHARED_UMEM,
// and the descriptor of that socket), or frames of several chunks (XDP_USE_SG).
func address(c Config, mode Mode) *unix.SockaddrXDP {
	a := &unix.SockaddrXDP{
		Flags:   unix.XDP_USE_NEED_WAKEUP | unix.XDP_COPY,
		Ifindex: uint32(c.Ifindex),
		QueueID: uint32(c.Queue),
	}
	if mode == ZeroCopy {
		a.Flags = unix.XDP_USE_NEED_WAKEUP | unix.XDP_ZEROCOPY
	}
	return a
}

// close undoes all completed steps. It unmaps the rings first, because a mapping
// keeps the socket open and the queue busy.
func (s *socket) close() error {
	var errs []error
	for _, m := range s.mappings {
		errs = append(errs, unix.Munmap(m))
	}
	s.mappings = nil
	if s.fd >= 0 {
		errs = append(errs, unix.Close(s.fd))
		s.fd = -1
	}
	if s.umem != nil {
		errs = append(errs, arena.Unmap(s.umem))
		s.umem = nil
	}
	return errors.Join(errs...)
}
