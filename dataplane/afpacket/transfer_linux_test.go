package afpacket_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"director/dataplane/afpacket"
	"director/internal/nettest"
	"director/packet"
)

// bridge connects two hosts through two ports in a third namespace. Each port sends
// the frames that the other receives. The frames are copied, as for frames that leave
// by another interface.
type bridge struct {
	left, right   *nettest.End // the hosts'
	portL, portR  *afpacket.Port
	stop          int // an eventfd
	done          sync.WaitGroup
	longest, lost int // length of the longest frame, number of lost frames; read after halt
}

func newBridge(t testing.TB) *bridge {
	t.Helper()
	g, mid := &bridge{}, nettest.New(t)
	var nearL, nearR *nettest.End
	g.left, nearL = connect(t, nettest.New(t), mid, 0)
	nearR, g.right = connect(t, mid, nettest.New(t), 2)
	g.left.Addr(t, g.left.Name, "198.51.100.1/24")
	g.right.Addr(t, g.right.Name, "198.51.100.2/24")
	offload(t, nearL, true, ethtoolGRO)
	offload(t, nearR, true, ethtoolGRO)
	g.portL, g.portR = openPort(t, nearL, 0, 0), openPort(t, nearR, 0, 0)

	var err error
	if g.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	g.done.Go(g.run)
	t.Cleanup(func() {
		g.halt()
		unix.Close(g.stop)
	})
	return g
}

// halt ends the forwarding.
func (g *bridge) halt() {
	unix.Write(g.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	g.done.Wait()
}

func (g *bridge) run() {
	wait := []unix.PollFd{
		{Fd: int32(g.portL.Fd()), Events: unix.POLLIN},
		{Fd: int32(g.portR.Fd()), Events: unix.POLLIN},
		{Fd: int32(g.stop), Events: unix.POLLIN},
	}
	var in, out packet.Batch
	for wait[2].Revents == 0 {
		if _, err := unix.Poll(wait, -1); err != nil && err != unix.EINTR {
			return
		}
		g.forward(g.portL, g.portR, &in, &out)
		g.forward(g.portR, g.portL, &in, &out)
	}
}

func (g *bridge) forward(from, to *afpacket.Port, in, out *packet.Batch) {
	from.Recv(in)
	for i := range in.Frames[:in.N] {
		f := &in.Frames[i]
		g.longest = max(g.longest, int(f.Len))
		f.Verdict = packet.Moved
		if !to.Alloc(out) {
			g.lost++
			continue
		}
		o := &out.Frames[out.N-1]
		o.Len = int32(copy(o.Buf[o.Off:], f.Bytes()))
		o.Verdict = packet.Tx
	}
	to.Flush(out)
	from.Flush(in)
}

// transfer sends data over TCP from a client on the left to a server on the right and
// back, and compares the received data.
func (g *bridge) transfer(t testing.TB, data []byte) {
	t.Helper()
	want := sha256.Sum256(data)
	var l net.Listener
	g.right.Do(t, func() (err error) {
		l, err = net.Listen("tcp4", "198.51.100.2:80")
		return err
	})
	defer l.Close()
	there := make(chan [32]byte, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(30 * time.Second))
		got := make([]byte, len(data))
		io.ReadFull(c, got)
		there <- sha256.Sum256(got)
		c.Write(data)
	}()
	c := dial(t, g.left, "tcp4", "198.51.100.2:80")
	c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.Write(data); err != nil {
		t.Fatalf("send: %v; %+v %+v", err, g.portL.Counters(), g.portR.Counters())
	}
	back, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("receive: %v; %+v %+v", err, g.portL.Counters(), g.portR.Counters())
	}
	if got := <-there; got != want {
		t.Errorf("the server got %x, want %x", got, want)
	}
	if got := sha256.Sum256(back); got != want {
		t.Errorf("the client got %d bytes, %x, want %d bytes, %x", len(back), got, len(data), want)
	}
}

// offload switches offloads of an interface on or off.
func offload(t testing.TB, e *nettest.End, on bool, commands ...uint32) {
	t.Helper()
	e.Do(t, func() error {
		for _, c := range commands {
			if err := ethtoolSet(e.Name, c, on); err != nil {
				return fmt.Errorf("%s: ethtool command %#x: %w", e.Name, c, err)
			}
		}
		return nil
	})
}

// dial connects from the namespace of e.
func dial(t testing.TB, e *nettest.End, network, addr string) net.Conn {
	t.Helper()
	var c net.Conn
	e.Do(t, func() (err error) {
		c, err = net.DialTimeout(network, addr, 10*time.Second)
		return err
	})
	t.Cleanup(func() { c.Close() })
	return c
}

// random returns n bytes that are the same in every run.
func random(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

func TestTransfer_TenMegabytesWithEveryOffload(t *testing.T) {
	g := newBridge(t)
	g.transfer(t, random(10<<20))
	g.halt()
	for name, p := range map[string]*afpacket.Port{"left": g.portL, "right": g.portR} {
		c := p.Counters()
		t.Logf("%s: %+v", name, c)
		if c.RxSuper == 0 || c.RxSegments < 5000 || c.RxChecksums == 0 {
			t.Errorf("%s: the offloads were not enabled: %+v", name, c)
		}
		if c.RxTruncated+c.RxOversize+c.RxUnsupported+c.TxOversize+c.TxErrors+c.TxDown != 0 {
			t.Errorf("%s: frames were skipped: %+v", name, c)
		}
	}
	if g.longest > 1514 || g.lost > 0 {
		t.Errorf("longest frame %d, want 1514 at most; %d found no chunk, want none", g.longest, g.lost)
	}
}

// Only the receiving side merges frames here. The senders send ordinary frames.
func TestTransfer_MergedByGRO(t *testing.T) {
	g := newBridge(t)
	offload(t, g.left, false, ethtoolTSO, ethtoolGSO)
	offload(t, g.right, false, ethtoolTSO, ethtoolGSO)
	g.transfer(t, random(2<<20))
	g.halt()
	for name, p := range map[string]*afpacket.Port{"left": g.portL, "right": g.portR} {
		c := p.Counters()
		t.Logf("%s: %+v", name, c)
		if c.RxSuper == 0 || c.RxTruncated+c.RxOversize+c.RxUnsupported != 0 {
			t.Errorf("%s: %+v, want super-packets and nothing refused", name, c)
		}
	}
	if g.longest > 1514 {
		t.Errorf("longest frame %d, want 1514 at most", g.longest)
	}
}

func TestTransfer_DatagramsSentAsOneSuperPacket(t *testing.T) {
	g := newBridge(t)
	in := g.right.ListenUDP(t, "198.51.100.2:9000")
	c := dial(t, g.left, "udp4", "198.51.100.2:9000").(*net.UDPConn)
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, 1000) })
	if err != nil {
		t.Fatal(err)
	}
	data := random(20500)
	if _, err := c.Write(data); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	for at := 0; at < len(data); {
		n, _, err := in.ReadFrom(buf)
		if err != nil {
			t.Fatalf("after %d bytes: %v; %+v", at, err, g.portL.Counters())
		}
		if want := data[at:min(at+1000, len(data))]; !bytes.Equal(buf[:n], want) {
			t.Fatalf("datagram at %d: %d bytes differ, want %d", at, n, len(want))
		}
		at += n
	}
	if s := g.portL.Counters(); s.RxSuper != 1 || s.RxSegments != 21 {
		t.Errorf("%+v, want 1 super-packet of 21 segments", s)
	}
}
