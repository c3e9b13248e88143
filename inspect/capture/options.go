package capture

import (
	"time"

	"github.com/spf13/pflag"

	"director/dataplane"
	"director/packet"
)

// maxRate is the highest Rate. A burst at this rate fits into a worker's ring.
const maxRate = 16_000

// Options select the frames to capture and set limits. They are sent as JSON. Callers
// start with DefaultOptions.
type Options struct {
	Service  string   `json:"service,omitempty"` // tcp:VIP:PORT, udp:, sctp: or fwmark:N
	Server   string   `json:"server,omitempty"`  // ADDR[:PORT]
	Client   string   `json:"client,omitempty"`  // ADDR or PREFIX
	Verdicts []string `json:"verdicts,omitempty"`

	Snap   int `json:"snap"`   // bytes of each frame that are kept
	Rate   int `json:"rate"`   // received frames a second and worker, at most
	Sample int `json:"sample"` // one of every Sample matching frames is captured

	// Limits that end the capture; 0 means no limit.
	MaxFrames uint64        `json:"max_frames"` // in the capture; a forwarded frame is there twice
	MaxBytes  int64         `json:"max_bytes"`  // of the capture
	Duration  time.Duration `json:"duration"`   // nanoseconds
}

// DefaultOptions returns options that capture everything, within the limits on rate.
func DefaultOptions() Options {
	return Options{Snap: 256, Rate: 5000, Sample: 1, MaxBytes: 1 << 30}
}

// Flags defines a flag for each field of o. The values of o are the defaults.
func (o *Options) Flags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Service, "service", o.Service, "frames for or from this service: tcp:VIP:PORT, udp:VIP:PORT, sctp:VIP:PORT or fwmark:N")
	fs.StringVar(&o.Server, "server", o.Server, "frames to or from this real server, ADDR or ADDR:PORT")
	fs.StringVar(&o.Client, "client", o.Client, "frames to or from clients with this address or in this prefix")
	fs.StringSliceVar(&o.Verdicts, "verdict", o.Verdicts, "frames with one of these verdicts: tx, drop, host, hold, or a reason such as bad-source")
	fs.IntVar(&o.Snap, "snap", o.Snap, "keep at most this many bytes of each frame")
	fs.IntVar(&o.Rate, "rate", o.Rate, "maximum of received frames per second and worker")
	fs.IntVar(&o.Sample, "sample", o.Sample, "capture one of every N matching frames")
	fs.Uint64Var(&o.MaxFrames, "max-frames", o.MaxFrames, "end after this number of frames, 0 for no limit; a forwarded frame counts twice")
	fs.Int64Var(&o.MaxBytes, "max-bytes", o.MaxBytes, "end before the capture exceeds this number of bytes, 0 for no limit")
	fs.DurationVar(&o.Duration, "duration", o.Duration, "end after this time, 0 for no limit")
}

// Check returns an error that matches ErrUsage if the options are invalid.
func (o *Options) Check() error {
	_, err := o.tap()
	return err
}

// tap returns the options of a Tap, except those that only the director knows.
func (o *Options) tap() (t dataplane.TapOptions, err error) {
	switch {
	case o.Snap < 1 || o.Snap > packet.MaxFrame:
		err = usagef("snap %d: want 1 to %d bytes", o.Snap, packet.MaxFrame)
	case o.Rate < 1 || o.Rate > maxRate:
		err = usagef("rate %d: want 1 to %d frames a second and worker; more would slow the director", o.Rate, maxRate)
	case o.Sample < 1:
		err = usagef("sample %d: want 1 or more", o.Sample)
	case o.MaxBytes < 0:
		err = usagef("max-bytes %d: want 0 or more", o.MaxBytes)
	case o.Duration < 0:
		err = usagef("duration %v: want 0 or more", o.Duration)
	}
	if err != nil {
		return t, err
	}
	t = dataplane.TapOptions{Snap: o.Snap, Rate: o.Rate, Sample: o.Sample}
	t.Filter, err = o.filter()
	return t, err
}
