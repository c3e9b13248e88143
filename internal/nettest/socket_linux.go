package nettest

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is a packet socket on one end of a wire. It receives the frames that arrive there
// but not those that are sent there. One goroutine receives.
type Socket struct {
	t   testing.TB
	fd  int
	buf [1 << 16]byte
}

// Socket opens a packet socket that receives every frame.
func (e *End) Socket(t testing.TB) *Socket {
	t.Helper()
	return e.socket(t, nil)
}

// Tap opens a packet socket that receives the frames that a BPF program accepts. The program
// is given by its descriptor.
func (e *End) Tap(t testing.TB, program int) *Socket {
	t.Helper()
	return e.socket(t, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, program)
	})
}

// socket opens a packet socket. It is complete before the first frame can arrive.
func (e *End) socket(t testing.TB, prepare func(fd int) error) *Socket {
	t.Helper()
	s := &Socket{t: t, fd: -1}
	e.Do(t, func() (err error) {
		s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	t.Cleanup(func() { unix.Close(s.fd) })
	wait := unix.NsecToTimeval(int64(20 * time.Millisecond))
	err := errors.Join(
		unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20),
		unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
	)
	if err == nil && prepare != nil {
		err = prepare(s.fd)
	}
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // both architectures of director are little-endian
	if err == nil {
		err = unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: e.Index})
	}
	if err != nil {
		t.Fatalf("packet socket on %s: %v", e.Name, err)
	}
	return s
}

// Fd returns the socket's descriptor, so that a test can set options.
func (s *Socket) Fd() int { return s.fd }

// Send sends a frame.
func (s *Socket) Send(frame []byte) {
	s.t.Helper()
	if _, err := unix.Write(s.fd, frame); err != nil {
		s.t.Fatalf("send: %v", err)
	}
}

// TrySend sends a frame if the link is up. Any goroutine may call it.
func (s *Socket) TrySend(frame []byte) { _, _ = unix.Write(s.fd, frame) }

// Take returns the next n frames, or fewer if no more arrive in time.
func (s *Socket) Take(n int) (frames [][]byte) {
	s.t.Helper()
	for until := time.Now().Add(patience); len(frames) < n && time.Now().Before(until); {
		if f := s.next(); f != nil {
			frames = append(frames, f)
		}
	}
	return frames
}

// Recv returns the next frame that satisfies want, and skips others. It fails the test if
// none arrives.
func (s *Socket) Recv(want func([]byte) bool) []byte {
	s.t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); {
		if f := s.next(); f != nil && want(f) {
			return f
		}
	}
	s.t.Fatal("no frame came")
	return nil
}

// Drain returns the frames that have arrived.
func (s *Socket) Drain() (frames [][]byte) {
	s.t.Helper()
	for f := s.next(); f != nil; f = s.next() {
		frames = append(frames, f)
	}
	return frames
}

// next returns a frame, or nil if none arrives for a short time.
func (s *Socket) next() []byte {
	s.t.Helper()
	n, err := unix.Read(s.fd, s.buf[:])
	switch err {
	case nil:
		return bytes.Clone(s.buf[:n])
	case unix.EAGAIN, unix.EINTR, unix.ENETDOWN:
		return nil
	}
	s.t.Fatalf("receive: %v", err)
	return nil
}

// ListenUDP opens a UDP socket in the namespace. A read from it waits at most as long as
// Eventually does.
func (n *Namespace) ListenUDP(t testing.TB, addr string) net.PacketConn {
	t.Helper()
	var conn net.PacketConn
	n.Do(t, func() (err error) {
		conn, err = net.ListenPacket("udp4", addr)
		return err
	})
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}
