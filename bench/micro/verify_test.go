package micro

import (
	"bytes"
	"testing"

	"director/internal/packettest"
	"director/packet"
)

// sent returns a rig and the frames that one step sends for a path.
func sent(t *testing.T, p path) (*rig, [][]byte) {
	t.Helper()
	q, err := newPort()
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRig(p, 1<<12, []*port{q})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	if err := r.establish(100); err != nil {
		t.Fatal(err)
	}
	crew, err := r.crew(1)
	if err != nil {
		t.Fatal(err)
	}
	q.traffic, q.keep = newTraffic(p, r.order, r.flows, 1), packet.BatchSize
	if _, err := crew[0].Step(); err != nil {
		t.Fatal(err)
	}
	if len(q.kept) != packet.BatchSize {
		t.Fatalf("%d frames sent, want %d", len(q.kept), packet.BatchSize)
	}
	return r, q.kept
}

func TestVerify_AgreesWithGopacket(t *testing.T) {
	for _, p := range paths {
		r, frames := sent(t, p)
		for i, f := range frames {
			if err := r.judge(p, f, true); err != nil {
				t.Errorf("%s, frame %d: %v", p.name, i, err)
			}
			packettest.Decode(t, f)
		}
	}
}

func TestVerify_SeesWhatIsWrong(t *testing.T) {
	for _, p := range paths {
		r, frames := sent(t, p)
		inner := 0
		if p.name == "tun" {
			inner = packet.IPv4Len
		}
		for what, at := range map[string]int{
			"next hop": 5, "time to live": inner + l3 + 8, "source": inner + l3 + 15,
			"destination": inner + l3 + 19, "port": inner + l4 + 3, "TCP checksum": inner + l4 + 16,
		} {
			bad := bytes.Clone(frames[0])
			bad[at] ^= 0x40
			if r.judge(p, bad, true) == nil {
				t.Errorf("%s: a wrong %s is not detected", p.name, what)
			}
		}
		if r.judge(p, frames[0], false) == nil && !p.reply {
			t.Errorf("%s: a known flow is accepted as a new one", p.name)
		}
	}
}

func TestForwarded_SeesLostFrames(t *testing.T) {
	r, _ := sent(t, paths[0])
	crew, err := r.crew(1)
	if err != nil {
		t.Fatal(err)
	}
	for name, conns := range map[string]uint64{"a frame too many": 0, "a connection too few": 1} {
		_, err := forwarded(crew[0], conns, func() (sample, error) {
			s, err := batches(1, crew[0].Step)
			if conns == 0 {
				s.packets++
			}
			return s, err
		})
		if err == nil {
			t.Errorf("%s goes unseen", name)
		}
	}
}
