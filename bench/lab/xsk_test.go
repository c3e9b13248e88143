//go:build linux

package lab

import (
	"bytes"
	"encoding/binary"
	"net"
	"strings"
	"testing"

	"director/internal/nettest"
)

// TestForwarder_ForwardsAllAndSurvivesALinkThatGoesDown sends more frames than the
// UMEM has, so that each frame is reused.
func TestForwarder_ForwardsAllAndSurvivesALinkThatGoesDown(t *testing.T) {
	if why := lacksXSK(); why != "" {
		t.Skip(why)
	}
	source, director, sink := nettest.New(t), nettest.New(t), nettest.New(t)
	for _, n := range []*nettest.Namespace{source, director, sink} {
		n.Sysctl(t, "net/ipv6/conf/default/disable_ipv6", "1")
	}
	in, from := director.Wire(t, nettest.Name("in"), source, nettest.Name("src"), 1)
	out, to := director.Wire(t, nettest.Name("out"), sink, nettest.Name("sink"), 1)
	mac := func(e *nettest.End) net.HardwareAddr { return e.MAC[:] }
	n := &network{workers: 1, end: map[string]end{
		"in0": {in.Index, mac(in)}, "out0": {out.Index, mac(out)}, "sink0": {to.Index, mac(to)},
	}}
	client, server := from.Socket(t), to.Socket(t)

	x := &xsk{}
	director.Do(t, func() error { return x.open(n) })
	f := x.forwarders[0]
	x.running.Go(func() { f.err = f.run(&x.stopping) })

	const frames, burst = 3 * 2 * xskRing, 64
	frame := make([]byte, 60)
	copy(frame, in.MAC[:])
	copy(frame[6:], from.MAC[:])
	frame[12], frame[13] = 0x88, 0xb5 // IEEE 802: local experimental ethertype
	headers := append(mac(to), out.MAC[:]...)
	for sent := 0; sent < frames; {
		for range burst {
			binary.BigEndian.PutUint32(frame[14:], uint32(sent))
			client.Send(frame)
			sent++
		}
		got := server.Take(burst)
		if len(got) != burst {
			t.Fatalf("%d of the %d frames up to frame %d did not arrive", burst-len(got), burst, sent)
		}
		for i, g := range got {
			number := uint32(sent - burst + i)
			if !bytes.HasPrefix(g, headers) || binary.BigEndian.Uint32(g[14:]) != number {
				t.Fatalf("frame %d: got %x, want it from %v to %v", number, g, out.MAC, to.MAC)
			}
		}
	}

	director.Down(t, out.Name)
	client.Send(frame)
	x.running.Wait()
	if f.err == nil || !strings.Contains(f.err.Error(), "transmit: ") {
		t.Errorf("after the link went down: got %v, want an error of transmit", f.err)
	}
	f.err = nil
	if err := x.stop(); err != nil {
		t.Error(err)
	}
}
