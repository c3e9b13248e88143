package afxdp_test

import (
	"bytes"
	"fmt"
	"testing"

	"director/dataplane/afxdp"
	"director/dataplane/steer"
	"director/internal/nettest"
	"director/internal/packettest"
	"director/packet"

	"golang.org/x/sys/unix"
)

// servicePort is the UDP port of the tests' service. Its address is that of the near
// end.
const servicePort = 5000

// rig is a pair of interfaces. The near end is steered to AF_XDP ports.
type rig struct {
	t         *testing.T
	near, far *nettest.End
	client    *nettest.Socket // on the far end
	steering  *steer.Steering
	xdp       *steer.XDP
	ports     []*afxdp.Port
}

// newRig makes the pair with the given number of queues, and opens ports on the first
// of them.
func newRig(t *testing.T, queues, ports int, generic bool) *rig {
	t.Helper()
	r := &rig{t: t}
	r.near, r.far = nettest.Pair(t, queues)
	r.client = r.far.Socket(t)
	r.near.Do(t, func() (err error) {
		if r.steering, err = steer.Load(); err != nil {
			return err
		}
		r.xdp, err = r.steering.AttachXDP(r.near.Index, queues, generic)
		return err
	})
	t.Cleanup(func() { r.steering.Close() })
	err := r.steering.Update(steer.Set{
		Services: []steer.Endpoint{{Addr: packet.MustAddr("10.77.0.1"), Port: servicePort, Proto: packet.ProtoUDP}},
		Locals:   []packet.Addr{packet.MustAddr("10.77.0.1")},
		MACs:     map[int]packet.MAC{r.near.Index: r.near.MAC},
	})
	if err != nil {
		t.Fatal(err)
	}
	for q := range ports {
		r.open(afxdp.Config{Queue: q, Mode: afxdp.Copy})
	}
	return r
}

// open opens a port on the near end and steers its queue to it.
func (r *rig) open(c afxdp.Config) *afxdp.Port {
	r.t.Helper()
	c.Interface, c.Ifindex = r.near.Name, r.near.Index
	var p *afxdp.Port
	r.near.Do(r.t, func() (err error) {
		p, err = afxdp.Open(c)
		return err
	})
	r.t.Cleanup(func() { p.Close() })
	if err := r.xdp.Register(c.Queue, p.Fd()); err != nil {
		r.t.Fatal(err)
	}
	r.ports = append(r.ports, p)
	return p
}

// frame builds a frame from the far end to the near end. Its payload contains n.
func (r *rig) frame(port uint16, n int) []byte {
	return packettest.Frame{
		SrcMAC: r.far.MAC, DstMAC: r.near.MAC,
		UDP: true, Src: "10.77.0.2:1000", Dst: fmt.Sprintf("10.77.0.1:%d", port),
		Payload: fmt.Appendf(nil, "a numbered frame %08d", n),
	}.Bytes()
}

// recv waits until the port has frames.
func (r *rig) recv(p *afxdp.Port, b *packet.Batch) {
	r.t.Helper()
	nettest.Eventually(r.t, "frames on the port", func() bool {
		poll(p, 20)
		if err := p.Recv(b); err != nil {
			r.t.Fatal(err)
		}
		return b.N > 0
	})
}

// collect takes n frames from the port, copies them, and drops them.
func (r *rig) collect(p *afxdp.Port, n int) (frames [][]byte) {
	r.t.Helper()
	var b packet.Batch
	for len(frames) < n {
		r.recv(p, &b)
		for i := range b.N {
			frames = append(frames, bytes.Clone(b.Frames[i].Bytes()))
			b.Frames[i].Verdict = packet.Drop
		}
		r.flush(p, &b)
	}
	return frames
}

func (r *rig) flush(p *afxdp.Port, b *packet.Batch) {
	r.t.Helper()
	if err := p.Flush(b); err != nil {
		r.t.Fatal(err)
	}
	if b.N != 0 {
		r.t.Fatalf("batch after Flush: %d frames", b.N)
	}
}

func (r *rig) counters(p *afxdp.Port) afxdp.Counters {
	r.t.Helper()
	c, err := p.Counters()
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// poll waits on the port's descriptor for at most ms milliseconds.
func poll(p *afxdp.Port, ms int) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(p.Fd()), Events: unix.POLLIN}}, ms)
	return n == 1
}

// turn turns a frame into an answer: it swaps the Ethernet addresses.
func turn(f *packet.Frame) {
	e := f.Bytes()
	var dst [6]byte
	copy(dst[:], e)
	copy(e, e[6:12])
	copy(e[6:], dst[:])
	f.Verdict = packet.Tx
}
