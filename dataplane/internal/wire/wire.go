// Package wire gives tests of the ports a cable: a pair of veth interfaces,
// each in a network namespace of its own, and packet sockets to put frames on
// it and take them off. Everything goes when the test ends, and when its
// process dies.
package wire

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"director/packet"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// End is one end of the cable, in its own namespace.
type End struct {
	Name  string
	Index int
	MAC   packet.MAC
	space netns.NsHandle
}

// New lays a cable whose interfaces have the given number of queues each way.
// The addresses are 10.77.0.1/24 and 10.77.0.2/24. It skips the test if it is
// not run as root.
func New(t testing.TB, queues int) (near, far *End) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes network namespaces")
	}
	near, far = newEnd(t, "near"), newEnd(t, "far")
	near.Do(t, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.NumRxQueues, attrs.NumTxQueues = near.Name, queues, queues
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: attrs, PeerName: far.Name, PeerNamespace: netlink.NsFd(far.space),
			PeerNumRxQueues: uint32(queues), PeerNumTxQueues: uint32(queues),
		})
	})
	near.start(t, "10.77.0.1/24")
	far.start(t, "10.77.0.2/24")
	return near, far
}

func newEnd(t testing.TB, role string) *End {
	t.Helper()
	e := &End{Name: fmt.Sprintf("%s%d", role, os.Getpid())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		var err error
		e.space, err = netns.New()
		made <- err
	}()
	if err := <-made; err != nil {
		t.Fatalf("make namespace %s: %v", role, err)
	}
	t.Cleanup(func() { e.space.Close() })
	e.Sysctl(t, "net/ipv6/conf/default/disable_ipv6", "1")
	return e
}

func (e *End) start(t testing.TB, addr string) {
	t.Helper()
	e.Do(t, func() error {
		l, err := netlink.LinkByName(e.Name)
		if err != nil {
			return err
		}
		e.Index = l.Attrs().Index
		copy(e.MAC[:], l.Attrs().HardwareAddr)
		a, err := netlink.ParseAddr(addr)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(l, a); err != nil {
			return err
		}
		return netlink.LinkSetUp(l)
	})
}

// Do runs f on a thread inside the namespace and fails the test on its error.
// Sockets and attachments that f makes stay there.
func (e *End) Do(t testing.TB, f func() error) {
	t.Helper()
	if err := e.Try(f); err != nil {
		t.Fatalf("%s: %v", e.Name, err)
	}
}

// Try runs f on a thread inside the namespace and returns its error.
func (e *End) Try(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := netns.Set(e.space); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// Sysctl writes a setting of the namespace; name is the path below /proc/sys.
func (e *End) Sysctl(t testing.TB, name, value string) {
	t.Helper()
	e.Do(t, func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0) })
}

// SetUp switches the interface on or off.
func (e *End) SetUp(t testing.TB, up bool) {
	t.Helper()
	e.Do(t, func() error {
		l, err := netlink.LinkByIndex(e.Index)
		if err != nil {
			return err
		}
		if up {
			return netlink.LinkSetUp(l)
		}
		return netlink.LinkSetDown(l)
	})
}

// ListenUDP opens a socket of the namespace's own stack.
func (e *End) ListenUDP(t testing.TB, addr string) net.PacketConn {
	t.Helper()
	var conn net.PacketConn
	e.Do(t, func() (err error) {
		conn, err = net.ListenPacket("udp4", addr)
		return err
	})
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Socket is a packet socket on one end. It sees what arrives there.
type Socket struct {
	t  testing.TB
	fd int
}

// Socket opens a packet socket. If filter is not negative it is the descriptor
// of a BPF program that says what the socket sees.
func (e *End) Socket(t testing.TB, filter int) *Socket {
	t.Helper()
	s := &Socket{t: t, fd: -1}
	e.Do(t, func() (err error) {
		s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	t.Cleanup(func() { unix.Close(s.fd) })
	wait := unix.NsecToTimeval(int64(20 * time.Millisecond))
	steps := []error{
		unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20),
		unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
	}
	if filter >= 0 {
		steps = append(steps, unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, filter))
	}
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // network order
	steps = append(steps, unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: e.Index}))
	for _, err := range steps {
		if err != nil {
			t.Fatalf("packet socket on %s: %v", e.Name, err)
		}
	}
	return s
}

// Send puts a frame on the wire.
func (s *Socket) Send(frame []byte) {
	s.t.Helper()
	if _, err := unix.Write(s.fd, frame); err != nil {
		s.t.Fatalf("send: %v", err)
	}
}

// TrySend puts a frame on the wire if the link is up.
func (s *Socket) TrySend(frame []byte) { _, _ = unix.Write(s.fd, frame) }

// Take returns the next n frames, or fewer if no more come in time.
func (s *Socket) Take(n int) (frames [][]byte) {
	s.t.Helper()
	for until := time.Now().Add(patience); len(frames) < n && time.Now().Before(until); {
		if f := s.next(); f != nil {
			frames = append(frames, f)
		}
	}
	return frames
}

// Recv returns the next frame that satisfies want, and skips others. It fails
// the test if none comes.
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

// next returns a frame, or nil if none comes for a moment.
func (s *Socket) next() []byte {
	s.t.Helper()
	buf := make([]byte, 4096)
	n, err := unix.Read(s.fd, buf)
	switch err {
	case nil:
		return buf[:n]
	case unix.EAGAIN, unix.EINTR, unix.ENETDOWN:
		return nil
	}
	s.t.Fatalf("receive: %v", err)
	return nil
}

// Eventually waits until done reports true, and fails the test if it does not.
func Eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); {
		if done() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s: not within %v", what, patience)
}
