package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"director/dataplane"
	"director/inspect/pcap"
	"director/packet"
)

const (
	// pollEvery is how often a session looks for records: a worker's ring holds
	// those of several times as long.
	pollEvery = 10 * time.Millisecond
	// blockSize is what a frame takes up in a capture beside its bytes and its
	// comment, and statisticsSize what the counts of an interface do at its end,
	// at most.
	blockSize      = 64
	statisticsSize = 256
)

// ErrBusy says that another capture is in progress.
var ErrBusy = errors.New("another capture is in progress, and there is one at a time: end it, or wait")

// Session is one capture of a running director.
type Session struct {
	options Options
	shared  *dataplane.Engine
	tap     *dataplane.Tap
	ifaces  []string
	began   int64 // nanoseconds since 1970
	clock   func() int64
	stopped chan struct{}

	frames  [dataplane.MaxInterfaces]uint64 // written, by interface
	comment comment
	written atomic.Uint64
	bytes   atomic.Int64
}

// Counts is what a session did. All but the first two are of the workers, in
// frames that they received.
type Counts struct {
	Written uint64 // frames in the capture: a forwarded one is there twice
	Bytes   int64  // of the capture
	dataplane.TapCounts
}

// Start begins to capture what the workers of a director do, whose interfaces have the
// given names. Run must follow. The error matches ErrUsage or is ErrBusy.
func Start(shared *dataplane.Engine, workers int, ifaces []string, o Options) (*Session, error) {
	t, err := o.tap()
	if err != nil {
		return nil, err
	}
	if shared.Tap() != nil { // before memory is taken
		return nil, ErrBusy
	}
	now := time.Now()
	s := &Session{
		options: o, shared: shared, ifaces: ifaces,
		began: now.UnixNano(), stopped: make(chan struct{}, 1),
	}
	s.clock = func() int64 { return s.began + int64(time.Since(now)) }
	t.Workers, t.Clock = workers, s.clock
	s.tap = dataplane.NewTap(t)
	if !shared.StartTap(s.tap) {
		return nil, ErrBusy
	}
	return s, nil
}

// Stop ends the session: Run writes down what there is, and returns.
func (s *Session) Stop() {
	s.leave()
	select {
	case s.stopped <- struct{}{}:
	default:
	}
}

// leave lets the workers forget the session.
func (s *Session) leave() { s.shared.StopTap(s.tap) }

// Counts returns what the session has done so far.
func (s *Session) Counts() Counts {
	c := Counts{Written: s.written.Load(), Bytes: s.bytes.Load()}
	for i := range s.ifaces {
		a := s.tap.Counts(i)
		c.Received += a.Received
		c.Matched += a.Matched
		c.Sampled += a.Sampled
		c.Skipped += a.Skipped
		c.Lost += a.Lost
	}
	return c
}

// Run writes the capture to out until ctx ends, Stop is called, or one of the
// options' bounds is reached; it returns nil then. An error of out ends it as
// well. The workers are rid of the session when ctx ends, even while out blocks.
func (s *Session) Run(ctx context.Context, out io.Writer) error {
	defer s.leave()
	if s.options.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.options.Duration)
		defer cancel()
	}
	defer context.AfterFunc(ctx, s.leave)()
	w := pcap.NewSnapWriter(out, "director", uint32(s.options.Snap), s.ifaces...)
	s.bytes.Store(w.Written())
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the capture: %w", err)
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for ending := false; ; {
		full, err := s.write(w)
		if err != nil || full || ending {
			s.leave()
			return errors.Join(err, s.conclude(w))
		}
		select {
		case <-ctx.Done():
			ending = true
		case <-s.stopped:
			ending = true
		case <-tick.C:
			continue
		}
		s.leave()
		<-tick.C // the workers end the step that they are in
	}
}

// write writes down the records that there are and reports whether a bound is
// reached.
func (s *Session) write(w *pcap.Writer) (full bool, err error) {
	n := s.tap.Take(func(r *dataplane.TapRecord) bool {
		f := pcap.Frame{
			Interface: s.ifaces[r.Interface], Time: r.Time, Data: r.Data, Length: r.Length,
			Direction: pcap.Outbound, Comment: s.comment.of(r, s.ifaces),
		}
		if r.Point == dataplane.TapReceived || r.Verdict == packet.Drop {
			f.Direction = pcap.Inbound
		}
		if full = s.exceeds(w, &f); full {
			return false
		}
		w.Write(&f)
		s.frames[r.Interface]++
		full = s.written.Add(1) == s.options.MaxFrames
		return !full && w.Err() == nil
	})
	if n > 0 {
		err = w.Flush()
	}
	s.bytes.Store(w.Written())
	return full, err
}

// exceeds reports whether the capture would be too large with another frame.
func (s *Session) exceeds(w *pcap.Writer, f *pcap.Frame) bool {
	most := w.Written() + int64(len(f.Data)+len(f.Comment)+blockSize+statisticsSize*len(s.ifaces))
	return s.options.MaxBytes > 0 && most > s.options.MaxBytes
}

// conclude writes the statistics at the end of the capture.
func (s *Session) conclude(w *pcap.Writer) error {
	now := s.clock()
	for i, name := range s.ifaces {
		c := s.tap.Counts(i)
		w.Statistics(&pcap.Statistics{
			Interface: name, Start: s.began, End: now,
			Received: c.Received, Skipped: c.Skipped, Accepted: c.Matched, Lost: c.Lost, Written: s.frames[i],
			Comment: fmt.Appendf(nil, "%d frames left out by sampling", c.Sampled),
		})
	}
	s.bytes.Store(w.Written())
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the capture: %w", err)
	}
	return nil
}
