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
	// pollEvery is how often a session reads the workers' rings. A ring has room for
	// the records of several such periods.
	pollEvery = 10 * time.Millisecond
	// blockSize is the largest size of a frame's block without its bytes and its
	// comment. statisticsSize is the largest size of an interface's statistics.
	blockSize      = 64
	statisticsSize = 256
)

// ErrBusy says that another capture is in progress.
var ErrBusy = errors.New("another capture is in progress, and only one can run at a time: end it, or wait")

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

// Counts holds the counts of a session. All but the first two come from the workers and
// count the frames that the workers received.
type Counts struct {
	Written uint64 // frames in the capture; a forwarded frame is there twice
	Bytes   int64  // of the capture
	dataplane.TapCounts
}

// Start starts to capture what the workers of a director do. ifaces are the names of its
// interfaces. Run must be called afterwards. The error matches ErrUsage or is ErrBusy.
func Start(shared *dataplane.Engine, workers int, ifaces []string, o Options) (*Session, error) {
	t, err := o.tap()
	if err != nil {
		return nil, err
	}
	if shared.Tap() != nil { // before memory is allocated
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

// Stop ends the session: Run writes the remaining records and returns.
func (s *Session) Stop() {
	s.leave()
	select {
	case s.stopped <- struct{}{}:
	default:
	}
}

// leave detaches the session from the workers.
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

// Run writes the capture to out. It returns nil when ctx ends, Stop is called, or a limit
// of the options is reached, and an error if out fails. When ctx ends, the session is
// detached from the workers, even while out blocks.
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
		<-tick.C // until then the workers have ended their current step
	}
}

// write writes the available records and reports whether a limit is reached.
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

// exceeds reports whether another frame would make the capture too large.
func (s *Session) exceeds(w *pcap.Writer, f *pcap.Frame) bool {
	most := w.Written() + int64(len(f.Data)+len(f.Comment)+blockSize+statisticsSize*len(s.ifaces))
	return s.options.MaxBytes > 0 && most > s.options.MaxBytes
}

// conclude writes the statistics to the end of the capture.
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
