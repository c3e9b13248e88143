//go:build linux

package lab

import (
	"net"
	"os"
	"testing"

	"github.com/cilium/ebpf"

	"director/internal/packettest"
)

// TestSource_SendsValidFramesOfEveryFlow decodes with gopacket the frames that two
// sources make of the flows that they share.
func TestSource_SendsValidFramesOfEveryFlow(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it loads a BPF program")
	}
	const flows, sources = 301, 2
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	n := &network{end: map[string]end{"in0": {1, mac}, "src0": {2, mac}}}
	seen := map[string]int{}
	for i := range sources {
		s, err := newSource(n, 0, i, sources)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		if err := s.setFlows(flows); err != nil {
			t.Fatal(err)
		}
		for range flows {
			frame := make([]byte, frameLen)
			// Fill the buffer with data that an earlier receiver may have left.
			for i := range frame[:headersLen] {
				frame[i] = 0xff
			}
			if _, err := s.objects.Source.Run(&ebpf.RunOptions{Data: frame, DataOut: frame}); err != nil {
				t.Fatal(err)
			}
			seen[packettest.Decode(t, frame).Flow()]++
		}
		if got, err := s.sent(); err != nil || got != flows {
			t.Errorf("source %d counts %d frames, %v, want %d", i, got, err, flows)
		}
	}
	if len(seen) != flows {
		t.Errorf("%d flows seen, want %d", len(seen), flows)
	}
	for flow, n := range seen {
		if n < 1 || n > 3 {
			t.Errorf("%d frames of %s, want all flows in turn", n, flow)
		}
	}
}
