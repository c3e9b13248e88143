package reinject_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"director/dataplane"
	"director/dataplane/reinject"
	"director/dataplane/steer"
	"director/internal/nettest"
	"director/internal/packettest"
	"director/packet"

	"golang.org/x/sys/unix"
)

var _ dataplane.Port = (*reinject.Port)(nil)

// open opens a device for the near end.
func open(t *testing.T, near *nettest.End, workers int) *reinject.Device {
	t.Helper()
	var d *reinject.Device
	near.Do(t, func() (err error) {
		d, err = reinject.Open(near.Index, workers)
		return err
	})
	return d
}

func TestOpen_RefusesASecondDirector(t *testing.T) {
	near, _ := nettest.Pair(t, 1)
	defer open(t, near, 2).Close()
	err := near.Try(func() error {
		_, err := reinject.Open(near.Index, 1)
		return err
	})
	if !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "another director") {
		t.Errorf("got %v, want EBUSY that names another director", err)
	}
}

func TestClose_RemovesTheDevice(t *testing.T) {
	near, _ := nettest.Pair(t, 1)
	d := open(t, near, 2)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	near.Do(t, func() error {
		if i, err := net.InterfaceByIndex(d.Index()); err == nil {
			return fmt.Errorf("%s is still there", i.Name)
		}
		return nil
	})
}

func TestPort_LendsOneBatch(t *testing.T) {
	near, _ := nettest.Pair(t, 1)
	d := open(t, near, 1)
	defer d.Close()
	p := d.Port(0)
	for range 2 { // again after Flush
		var b packet.Batch
		for i := range packet.BatchSize {
			if !p.Alloc(&b) {
				t.Fatalf("Alloc: none after %d", i)
			}
			f := &b.Frames[i]
			if f.Off < packet.Headroom || len(f.Buf)-int(f.Off) < packet.MaxFrame {
				t.Fatalf("frame %d: offset %d of %d", i, f.Off, len(f.Buf))
			}
		}
		if p.Alloc(&b) {
			t.Error("Alloc added to a full batch")
		}
		p.Flush(&b)
	}
	if got := p.Counters(); got != (reinject.Counters{}) {
		t.Errorf("counters: got %+v, want none: no frame was marked Tx", got)
	}
}

func TestPort_CountsWhatTheKernelRefuses(t *testing.T) {
	near, _ := nettest.Pair(t, 1)
	d := open(t, near, 1)
	defer d.Close()
	var b packet.Batch
	d.Port(0).Alloc(&b)
	b.Frames[0].Len, b.Frames[0].Verdict = 5, packet.Tx // less than an Ethernet header
	d.Port(0).Flush(&b)
	if got := d.Port(0).Counters(); got != (reinject.Counters{Failed: 1}) {
		t.Errorf("counters: got %+v, want 1 failed", got)
	}
}

func TestReinject_PassesTheTapAndTheDrop(t *testing.T) {
	near, far := nettest.Pair(t, 1)
	near.Sysctl(t, "net/ipv4/conf/all/rp_filter", "1")
	d := open(t, near, 1)
	defer d.Close()
	var s *steer.Steering
	near.Do(t, func() (err error) {
		if s, err = steer.Load(); err != nil {
			return err
		}
		return errors.Join(s.AttachDrop(near.Index), s.AttachReinject(d.Index(), near.Index, steer.PacketTap))
	})
	defer s.Close()
	err := s.Update(steer.Set{
		Services: []steer.Endpoint{{Addr: packet.MustAddr("10.77.0.1"), Port: 5000, Proto: packet.ProtoUDP}},
		MACs:     map[int]packet.MAC{near.Index: near.MAC},
	})
	if err != nil {
		t.Fatal(err)
	}
	tap, client, host := near.Tap(t, s.TapFilter()), far.Socket(t), near.ListenUDP(t, "10.77.0.1:5000")

	frame := func(i int) []byte {
		return packettest.Frame{
			SrcMAC: far.MAC, DstMAC: near.MAC, UDP: true, Src: "10.77.0.2:1000", Dst: "10.77.0.1:5000",
			Payload: fmt.Appendf(nil, "a numbered frame %d", i),
		}.Bytes()
	}
	tagged := packettest.Frame{ // the kernel removes the tag before the tap receives the frame
		SrcMAC: far.MAC, DstMAC: near.MAC, UDP: true, Src: "10.77.0.2:1000", Dst: "10.77.0.1:5000", VLAN: 5, Payload: make([]byte, 30),
	}.Bytes()

	client.Send(tagged)
	client.Send(frame(0)) // redirected and not reinjected
	client.Send(frame(1)) // redirected and reinjected
	taken := tap.Take(2)
	if len(taken) != 2 || !bytes.Equal(taken[0], frame(0)) || !bytes.Equal(taken[1], frame(1)) {
		t.Fatalf("the tap received %x, want frames 0 and 1", taken)
	}
	var b packet.Batch
	d.Port(0).Alloc(&b)
	f := &b.Frames[0]
	f.Len, f.Verdict = int32(copy(f.Buf[f.Off:], taken[1])), packet.Tx
	d.Port(0).Flush(&b)

	buf := make([]byte, 100)
	n, _, err := host.ReadFrom(buf)
	if want := "a numbered frame 1"; err != nil || string(buf[:n]) != want {
		t.Errorf("the host got %q, %v, want %q", buf[:n], err, want)
	}
	if again := tap.Drain(); len(again) != 0 {
		t.Errorf("the tap received reinjected frames: %x", again)
	}
}
