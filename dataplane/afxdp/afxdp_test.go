package afxdp_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"director/dataplane"
	"director/dataplane/afxdp"
	"director/internal/nettest"
	"director/internal/packettest"
	"director/packet"

	"golang.org/x/sys/unix"
)

var _ dataplane.Port = (*afxdp.Port)(nil)

func TestPort_LendsReceivedFramesWithHeadroom(t *testing.T) {
	r := newRig(t, 1, 1, false)
	p := r.ports[0]
	want := r.frame(servicePort, 1)
	r.client.Send(want)
	nettest.Eventually(t, "readable descriptor", func() bool { return poll(p, 20) })
	var b packet.Batch
	r.recv(p, &b)
	f := &b.Frames[0]
	if b.N != 1 || !bytes.Equal(f.Bytes(), want) {
		t.Fatalf("got %d frames, first %x, want %x", b.N, f.Bytes(), want)
	}
	if f.Off < packet.Headroom || cap(f.Buf) != afxdp.ChunkSize || cap(f.Bytes()) != len(want) {
		t.Errorf("offset %d, capacity of the chunk %d and of the frame %d; want at least %d, %d and %d",
			f.Off, cap(f.Buf), cap(f.Bytes()), packet.Headroom, afxdp.ChunkSize, len(want))
	}
	if f.Verdict != packet.Pending {
		t.Errorf("verdict: got %v, want pending", f.Verdict)
	}
	r.flush(p, &b)
	if poll(p, 0) {
		t.Error("still readable after the only frame was taken")
	}
}

func TestPort_TransmitsInPlace(t *testing.T) {
	for name, generic := range map[string]bool{"native": false, "generic": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, 1, generic)
			r.client.Send(r.frame(servicePort, 1))
			var b packet.Batch
			r.recv(r.ports[0], &b)
			turn(&b.Frames[0])
			want := bytes.Clone(b.Frames[0].Bytes())
			r.flush(r.ports[0], &b)
			r.client.Recv(func(got []byte) bool { return bytes.Equal(got, want) })
		})
	}
}

func TestPort_TransmitsAFrameThatGrewIntoItsHeadroom(t *testing.T) {
	r := newRig(t, 1, 1, false)
	r.client.Send(r.frame(servicePort, 1))
	var b packet.Batch
	r.recv(r.ports[0], &b)
	f := &b.Frames[0]
	inner := bytes.Clone(f.Bytes()[14:])
	if !f.Push(20) {
		t.Fatal("no room for an outer header")
	}
	e := f.Bytes()
	copy(e, r.far.MAC[:])
	copy(e[6:], r.near.MAC[:])
	e[12], e[13] = 0x88, 0xb5 // IEEE 802: local experimental ethertype
	f.Verdict = packet.Tx
	want := bytes.Clone(e)
	r.flush(r.ports[0], &b)
	got := r.client.Recv(func(got []byte) bool { return bytes.Equal(got, want) })
	if !bytes.Equal(got[34:], inner) {
		t.Errorf("inner packet: got %x, want %x", got[34:], inner)
	}
}

func TestPort_TransmitsAllocatedFramesInOrder(t *testing.T) {
	r := newRig(t, 1, 1, false)
	var b packet.Batch
	for i := range packet.BatchSize { // twice as many as one system call sends by default
		if !r.ports[0].Alloc(&b) {
			t.Fatalf("Alloc: none after %d", i)
		}
		f := &b.Frames[i]
		if f.Off < packet.Headroom || len(f.Buf)-int(f.Off) < packet.MaxFrame {
			t.Fatalf("allocated frame: offset %d of %d", f.Off, len(f.Buf))
		}
		f.Len = int32(copy(f.Buf[f.Off:], r.frame(servicePort, i)))
		turn(f)
	}
	if r.ports[0].Alloc(&b) {
		t.Error("Alloc added to a full batch")
	}
	r.flush(r.ports[0], &b)
	for i := range packet.BatchSize {
		got := r.client.Recv(func([]byte) bool { return true })
		if want := r.frame(servicePort, i)[12:]; !bytes.Equal(got[12:], want) {
			t.Fatalf("frame %d: got %x, want %x", i, got[12:], want)
		}
	}
}

func TestPort_ForwardsALongRunWithoutLoss(t *testing.T) {
	r := newRig(t, 1, 0, false)
	p := r.open(afxdp.Config{Queue: 0, Mode: afxdp.Copy, Chunks: 512})
	const rounds, each = 1700, 64 // over 100,000 frames through rings of 256
	frame := r.frame(servicePort, 0)
	var b packet.Batch
	for range rounds {
		for range each {
			r.client.Send(frame)
		}
		for back := 0; back < each; {
			r.recv(p, &b)
			back += b.N
			for i := range b.N {
				turn(&b.Frames[i])
			}
			r.flush(p, &b)
		}
		if n := len(r.client.Take(each)); n != each {
			t.Fatalf("%d of %d frames came back", n, each)
		}
	}
	c := r.counters(p)
	if c.Received != rounds*each || c.Transmitted != rounds*each || c.TxFull+c.TxDown+c.TxInvalid+c.TxRefused != 0 {
		t.Errorf("counters: got %+v, want %d received and transmitted and none lost", c, rounds*each)
	}
	if c.Kernel != (unix.XDPStatistics{Tx_ring_empty_descs: c.Kernel.Tx_ring_empty_descs}) {
		t.Errorf("counters of the kernel: got %+v, want no losses", c.Kernel)
	}
}

func TestPort_ResumesAfterTheLinkWasDown(t *testing.T) {
	r := newRig(t, 1, 1, false)
	p := r.ports[0]
	r.near.Down(t, r.near.Name)
	var b packet.Batch
	for range 3 {
		if !p.Alloc(&b) {
			t.Fatal("Alloc: none")
		}
		b.Frames[0].Len = int32(copy(b.Frames[0].Buf[b.Frames[0].Off:], r.frame(servicePort, 0)))
		turn(&b.Frames[0])
		r.flush(p, &b)
	}
	// The first frame was put into the ring before the port noticed that the link is
	// down.
	if c := r.counters(p); c.DownKicks == 0 || c.TxDown != 2 {
		t.Errorf("while down: got %+v, want DownKicks and 2 frames lost", c)
	}
	r.near.Up(t, r.near.Name)
	nettest.Eventually(t, "carrier", func() bool {
		r.client.TrySend(r.frame(servicePort, 1))
		poll(p, 20)
		p.Recv(&b)
		return b.N > 0
	})
	for i := range b.N {
		turn(&b.Frames[i])
	}
	want := bytes.Clone(b.Frames[0].Bytes())
	r.flush(p, &b)
	r.client.Recv(func(got []byte) bool { return bytes.Equal(got, want) })
}

func TestPort_EachServesItsQueue(t *testing.T) {
	r := newRig(t, 2, 2, false)
	const flows = 64
	for i := range flows {
		r.client.Send(packettest.Frame{
			SrcMAC: r.far.MAC, DstMAC: r.near.MAC, UDP: true, Src: source(i), Dst: "10.77.0.1:5000", Payload: make([]byte, 30),
		}.Bytes())
	}
	nettest.Eventually(t, "all frames", func() bool {
		var b packet.Batch
		for _, p := range r.ports {
			p.Recv(&b)
			r.flush(p, &b)
		}
		return r.counters(r.ports[0]).Received+r.counters(r.ports[1]).Received == flows
	})
	for q, p := range r.ports {
		if r.counters(p).Received == 0 {
			t.Errorf("queue %d received nothing", q)
		}
	}
}

func TestPort_FramesOfUnservedQueuesAreCounted(t *testing.T) {
	r := newRig(t, 2, 1, false)
	host := r.near.Socket(t)
	const flows = 64
	for i := range flows {
		r.client.Send(packettest.Frame{
			SrcMAC: r.far.MAC, DstMAC: r.near.MAC, UDP: true, Src: source(i), Dst: "10.77.0.1:5000", Payload: make([]byte, 30),
		}.Bytes())
	}
	nettest.Eventually(t, "every frame received or counted", func() bool {
		var b packet.Batch
		r.ports[0].Recv(&b)
		r.flush(r.ports[0], &b)
		unserved, err := r.xdp.Unserved()
		if err != nil {
			t.Fatal(err)
		}
		return unserved > 0 && unserved+r.counters(r.ports[0]).Received == flows
	})
	for _, frame := range host.Drain() {
		if bytes.HasPrefix(frame, r.near.MAC[:]) && frame[23] == packet.ProtoUDP {
			t.Fatalf("the host saw a frame of an unserved queue: %x", frame)
		}
	}
}

func TestSteering_LeavesTheHostItsTraffic(t *testing.T) {
	r := newRig(t, 1, 1, false)
	ssh, client := r.near.ListenUDP(t, "10.77.0.1:22"), r.far.ListenUDP(t, "10.77.0.2:999")
	// This succeeds only if ARP works, too.
	if _, err := client.WriteTo([]byte("hello"), ssh.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	n, from, err := ssh.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "hello" {
		t.Fatalf("got %q, %v", buf[:n], err)
	}
	if _, err := ssh.WriteTo([]byte("hi"), from); err != nil {
		t.Fatal(err)
	}
	if n, _, err = client.ReadFrom(buf); err != nil || string(buf[:n]) != "hi" {
		t.Fatalf("answer: got %q, %v", buf[:n], err)
	}
	if got := r.counters(r.ports[0]).Received; got != 0 {
		t.Errorf("the port received %d of the host's frames", got)
	}
}

func TestOpen_ABusyQueueIsAnError(t *testing.T) {
	r := newRig(t, 1, 1, false)
	err := r.near.Try(func() error {
		_, err := afxdp.Open(afxdp.Config{Interface: r.near.Name, Ifindex: r.near.Index, Queue: 0})
		return err
	})
	if !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "another AF_XDP socket") {
		t.Errorf("got %v, want EBUSY and its remedy", err)
	}
}

func TestOpen_AMissingQueueIsAnError(t *testing.T) {
	r := newRig(t, 1, 0, false)
	err := r.near.Try(func() error {
		_, err := afxdp.Open(afxdp.Config{Interface: r.near.Name, Ifindex: r.near.Index, Queue: 7})
		return err
	})
	if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), r.near.Name+" queue 7") {
		t.Errorf("got %v, want EINVAL that names the queue", err)
	}
}

func TestOpen_AutoFallsBackToCopyAndSaysWhy(t *testing.T) {
	r := newRig(t, 1, 0, false)
	p := r.open(afxdp.Config{Queue: 0})
	terms := p.Terms()
	if terms.Mode != afxdp.Copy || !errors.Is(terms.Refused, unix.EOPNOTSUPP) {
		t.Errorf("got %v because %v, want copy because veth has no zero-copy", terms.Mode, terms.Refused)
	}
	r.client.Send(r.frame(servicePort, 1))
	r.collect(p, 1)
}

func TestClose_FreesTheQueue(t *testing.T) {
	r := newRig(t, 1, 0, false)
	for range 3 {
		p := r.open(afxdp.Config{Queue: 0})
		r.client.Send(r.frame(servicePort, 1))
		r.collect(p, 1)
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "socket:[") {
			t.Errorf("still mapped: %s", line)
		}
	}
}

// source returns the client address number i.
func source(i int) string { return fmt.Sprintf("10.77.0.2:%d", 1000+i) }
