package capture_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/pcapgo"

	"director/inspect/capture"
	"director/internal/packettest"
)

// written runs a session while happen runs, and returns the capture.
func (r *rig) written(o capture.Options, happen func()) ([]byte, capture.Counts) {
	r.t.Helper()
	s := r.start(o)
	happen()
	s.Stop()
	var out bytes.Buffer
	if err := s.Run(r.t.Context(), &out); err != nil {
		r.t.Fatal(err)
	}
	if r.Shared.Tap() != nil {
		r.t.Error("the workers still capture")
	}
	return out.Bytes(), s.Counts()
}

func TestSession_WritesACaptureThatOthersRead(t *testing.T) {
	r := newRig(t)
	began := time.Now()
	o := capture.DefaultOptions()
	o.Snap = 60
	long := client(2000, packettest.Frame{Flags: "S", Payload: make([]byte, 500)})
	data, counts := r.written(o, func() { r.story(); r.step(0, long) })
	in, err := pcapgo.NewNgReader(bytes.NewReader(data), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		t.Fatal(err)
	}
	n, last := 0, began
	for {
		frame, info, err := in.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
		if info.Timestamp.Before(last) || info.Timestamp.After(time.Now()) {
			t.Errorf("frame %d at %v: want between %v and now", n, info.Timestamp, last)
		}
		last = info.Timestamp
		if n == len(comments)+1 && (len(frame) != 60 || info.Length != len(long) || !bytes.Equal(frame, long[:60])) {
			t.Errorf("%d bytes of %d of a long frame, want the first 60 of %d", len(frame), info.Length, len(long))
		}
	}
	if n != len(comments)+2 || counts.Written != uint64(n) || counts.Bytes != int64(len(data)) {
		t.Errorf("%d frames read in %d bytes, %+v counted, want %d", n, len(data), counts, len(comments)+2)
	}
	if in.NInterfaces() != 2 {
		t.Fatalf("%d interfaces", in.NInterfaces())
	}
	for i, want := range ifaces {
		if d, _ := in.Interface(i); d.Name != want || d.SnapLength != 60 || d.TimestampResolution != 9 {
			t.Errorf("interface %d: %+v, want %s with nanoseconds", i, d, want)
		}
	}
	if d, _ := in.Interface(0); d.Statistics.PacketsReceived != 5 || d.Statistics.PacketsDropped != 0 {
		t.Errorf("statistics %+v, want 5 frames received", d.Statistics)
	}
}

func TestSession_SaysWhatBecameOfEachFrame(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	r := newRig(t)
	data, _ := r.written(capture.DefaultOptions(), r.story)
	file := filepath.Join(t.TempDir(), "out.pcapng")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tshark, "-n", "-r", file, "-T", "fields",
		"-e", "frame.interface_name", "-e", "frame.packet_flags_direction", "-e", "frame.comment").Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, place := range []string{
		"eth0\t0x00000001", "eth1\t0x00000002", "eth1\t0x00000001", "eth0\t0x00000002",
		"eth0\t0x00000001", "eth0\t0x00000002", "eth0\t0x00000001", "eth0\t0x00000001",
	} {
		want = append(want, place+"\t"+comments[i])
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(string(out)), "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestSession_EndsAtItsBounds(t *testing.T) {
	r := newRig(t)
	many := func() {
		for i := range 30 {
			r.step(0, client(uint16(2000+i), packettest.Frame{Flags: "S"}))
		}
	}
	o := capture.DefaultOptions()
	o.MaxFrames = 7
	if _, c := r.written(o, many); c.Written != 7 {
		t.Errorf("%d frames, want 7", c.Written)
	}
	o = capture.DefaultOptions()
	o.MaxBytes = 4000
	if data, c := r.written(o, many); len(data) > 4000 || len(data) < 3500 || c.Written >= 60 {
		t.Errorf("%d bytes, %d frames, want nearly 4000 bytes", len(data), c.Written)
	}
	o = capture.DefaultOptions()
	o.Duration = time.Millisecond
	if err := r.start(o).Run(t.Context(), io.Discard); err != nil {
		t.Error(err)
	}
	if r.Shared.Tap() != nil {
		t.Error("the workers still capture")
	}
}

func TestStart_RefusesASecondCapture(t *testing.T) {
	r := newRig(t)
	first := r.start(capture.DefaultOptions())
	if _, err := capture.Start(r.Shared, 1, ifaces, capture.DefaultOptions()); !errors.Is(err, capture.ErrBusy) {
		t.Errorf("error %v, want that another is in progress", err)
	}
	first.Stop()
	r.start(capture.DefaultOptions())
}

// broken is a writer that fails after some bytes.
type broken int

var errFull = errors.New("no space left")

func (b *broken) Write(p []byte) (int, error) {
	if *b -= broken(len(p)); *b < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestSession_EndsWithItsWriter(t *testing.T) {
	for _, room := range []broken{0, 1000} {
		r := newRig(t)
		s := r.start(capture.DefaultOptions())
		for i := range 100 {
			r.step(0, client(uint16(2000+i), packettest.Frame{Flags: "S"}))
		}
		if err := s.Run(t.Context(), &room); !errors.Is(err, errFull) {
			t.Errorf("error %v, want the writer's", err)
		}
		if r.Shared.Tap() != nil {
			t.Error("the workers still capture")
		}
	}
}

// The capture's reader does not read. Frames are forwarded as before, records that cannot
// be written are lost, and cancelling the session detaches it from the workers.
func TestSession_SlowReaderSlowsNobody(t *testing.T) {
	r := newRig(t)
	in, out := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	o := capture.DefaultOptions()
	o.Rate = 16_000
	s := r.start(o)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, out) }()
	if _, err := io.ReadFull(in, make([]byte, 16)); err != nil { // the session has started; its next write blocks
		t.Fatal(err)
	}
	const rounds = 500
	for i := range rounds {
		for range 10 {
			r.Ports[0].Push(client(uint16(2000+i), packettest.Frame{Flags: "S"}))
		}
		r.step(0)
		r.Clock.Advance(time.Millisecond)
	}
	if n := len(r.Ports[1].Take()); n != 10*rounds {
		t.Errorf("%d frames forwarded, want %d", n, 10*rounds)
	}
	if c := s.Counts(); c.Lost == 0 || c.Received != 10*rounds {
		t.Errorf("counts %+v, want some lost of %d", c, 10*rounds)
	}
	cancel()
	for r.Shared.Tap() != nil {
		time.Sleep(time.Microsecond)
	}
	in.Close()
	if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v, want the reader's", err)
	}
}

// A worker continues to forward while its records are written.
func TestSession_ReadsAlong(t *testing.T) {
	r := newRig(t)
	s := r.start(capture.DefaultOptions())
	var out bytes.Buffer
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context(), &out) }()
	sent := 0
	for s.Counts().Written < 200 {
		r.step(0, client(uint16(2000+sent%1000), packettest.Frame{Flags: "S"}))
		sent++
		r.Clock.Advance(time.Millisecond)
	}
	s.Stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if c := s.Counts(); c.Matched == 0 || c.Received > uint64(sent) || c.Written+c.Lost < 200 {
		t.Errorf("counts %+v of %d frames", c, sent)
	}
}
