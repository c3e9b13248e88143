package afxdp_test

import (
	"bytes"
	"testing"

	"director/dataplane/reinject"
	"director/dataplane/steer"
	"director/packet"
)

// reinject opens the ports that reinject into the near end.
func (r *rig) reinject(hook steer.Hook) *reinject.Port {
	r.t.Helper()
	var d *reinject.Device
	r.near.Do(r.t, func() (err error) {
		if d, err = reinject.Open(r.near.Index, 1); err != nil {
			return err
		}
		return r.steering.AttachReinject(d.Index(), r.near.Index, hook)
	})
	r.t.Cleanup(func() { d.Close() })
	return d.Port(0)
}

func TestReinject_ReturnsFramesUnderStrictReversePathFilter(t *testing.T) {
	for name, generic := range map[string]bool{"native": false, "generic": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, 1, generic)
			r.near.Sysctl(t, "net/ipv4/conf/all/rp_filter", "1")
			hook := steer.NativeXDP
			if generic {
				hook = steer.GenericXDP
			}
			back := r.reinject(hook)
			host := r.near.ListenUDP(t, "10.77.0.1:5000")

			const frames = 50
			for i := range frames {
				r.client.Send(r.frame(servicePort, i))
			}
			reinjectAll(t, r, back, r.collect(r.ports[0], frames))

			for i := range frames {
				buf := make([]byte, 100)
				n, from, err := host.ReadFrom(buf)
				if err != nil {
					t.Fatalf("datagram %d: %v", i, err)
				}
				if want := r.frame(servicePort, i)[42:]; !bytes.Equal(buf[:n], want) {
					t.Errorf("datagram %d: got %q, want %q", i, buf[:n], want)
				}
				if from.String() != "10.77.0.2:1000" {
					t.Errorf("datagram %d came from %v", i, from)
				}
			}
			if got := r.counters(r.ports[0]).Received; got != frames {
				t.Errorf("port received %d frames, want %d: reinjected frames were received again", got, frames)
			}
		})
	}
}

// reinjectAll reinjects the frames, a batch at a time.
func reinjectAll(t *testing.T, r *rig, back *reinject.Port, frames [][]byte) {
	t.Helper()
	var b packet.Batch
	for _, frame := range frames {
		if !back.Alloc(&b) {
			back.Flush(&b)
			back.Alloc(&b)
		}
		f := &b.Frames[b.N-1]
		f.Len = int32(copy(f.Buf[f.Off:], frame))
		f.Verdict = packet.Tx
	}
	back.Flush(&b)
	if c := back.Counters(); c.Returned != uint64(len(frames)) || c.Failed != 0 {
		t.Fatalf("counters: got %+v, want %d returned", c, len(frames))
	}
}
