package capture_test

import (
	"errors"
	"testing"

	"github.com/spf13/pflag"

	"director/inspect/capture"
	"director/internal/packettest"
)

func TestOptions_FromFlagsFilterFrames(t *testing.T) {
	const all, first, second = 8, 4, 2 // frames of the story: all, of the connection, of the segment without one
	for _, c := range []struct {
		flags []string
		want  uint64
	}{
		{nil, all},
		{[]string{"--service=tcp:192.0.2.10:80"}, first + second + 1},
		{[]string{"--service=tcp:192.0.2.10:81"}, 1},
		{[]string{"--service=udp:192.0.2.10:80"}, 0},
		{[]string{"--service=sctp:192.0.2.10:80"}, 0},
		{[]string{"--service=fwmark:1"}, 0},
		{[]string{"--client=198.51.100.7"}, first + second + 1},
		{[]string{"--client=127.0.0.0/8"}, 1},
		{[]string{"--server=10.0.0.11"}, first},
		{[]string{"--server=10.0.0.11:8080"}, first},
		{[]string{"--server=10.0.0.11:80"}, 0},
		{[]string{"--verdict=drop,host"}, 3},
		{[]string{"--verdict=no-service", "--verdict=bad-source"}, 2},
		{[]string{"--verdict=tx"}, first + 1},
		{[]string{"--verdict=hold"}, 0},
		{[]string{"--client=198.51.100.7", "--verdict=drop"}, 1},
		{[]string{"--sample=2"}, 3}, // the answer, twice, and the bad source
	} {
		o := capture.DefaultOptions()
		fs := pflag.NewFlagSet("capture", pflag.ContinueOnError)
		o.Flags(fs)
		if err := fs.Parse(c.flags); err != nil {
			t.Fatal(err)
		}
		r := newRig(t)
		if _, n := r.written(o, r.story); n.Written != c.want {
			t.Errorf("%v: %d frames, want %d", c.flags, n.Written, c.want)
		}
	}
}

func TestOptions_CheckSaysWhatIsWrong(t *testing.T) {
	for _, change := range []func(o *capture.Options){
		func(o *capture.Options) { o.Service = "192.0.2.10:80" },
		func(o *capture.Options) { o.Service = "tcp:192.0.2.10" },
		func(o *capture.Options) { o.Service = "tcp:[2001:db8::1]:80" },
		func(o *capture.Options) { o.Service = "fwmark:0" },
		func(o *capture.Options) { o.Service = "fwmark:web" },
		func(o *capture.Options) { o.Server = "10.0.0" },
		func(o *capture.Options) { o.Server = "10.0.0.11:port" },
		func(o *capture.Options) { o.Client = "10.0.0.0/33" },
		func(o *capture.Options) { o.Client = "2001:db8::/32" },
		func(o *capture.Options) { o.Verdicts = []string{""} },
		func(o *capture.Options) { o.Verdicts = []string{"none"} },
		func(o *capture.Options) { o.Snap = 1793 },
		func(o *capture.Options) { o.Rate = 0 },
		func(o *capture.Options) { o.Sample = 0 },
		func(o *capture.Options) { o.MaxBytes = -1 },
		func(o *capture.Options) { o.Duration = -1 },
	} {
		o := capture.DefaultOptions()
		change(&o)
		if err := o.Check(); !errors.Is(err, capture.ErrUsage) {
			t.Errorf("%+v: %v, want that it is wrong", o, err)
		}
	}
	if o := capture.DefaultOptions(); o.Check() != nil {
		t.Error(o.Check())
	}
}

// A capture allocates its memory when it starts.
func TestSession_TakesNoMemoryForFrames(t *testing.T) {
	r := newRig(t)
	s := r.start(capture.DefaultOptions())
	defer s.Stop()
	frames := [][]byte{client(1000, packettest.Frame{Flags: "S"})}
	step := func() {
		if _, err := r.Worker.Step(); err != nil {
			t.Error(err)
		}
	}
	with := testing.AllocsPerRun(200, func() { r.Ports[0].Push(frames...); step() })
	s.Stop()
	without := testing.AllocsPerRun(200, func() { r.Ports[0].Push(frames...); step() })
	if with > without {
		t.Errorf("%v allocations with a capture, %v without: memport's own", with, without)
	}
}
