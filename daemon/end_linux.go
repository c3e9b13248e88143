package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// endTime is how long the director may take to end after it was asked to. A service
	// manager, or a person, expects the end within five seconds.
	endTime = 4500 * time.Millisecond
	// saveTime and journalTime are how long after the beginning of Stop the state and the
	// end of the journal may be written. Enough is left of endTime to release the host.
	saveTime    = 3500 * time.Millisecond
	journalTime = 4 * time.Second
	// hurryTime is how long the director may take if it was asked twice. Service managers
	// and shells may ask twice within a moment, and mean it once.
	hurryTime = time.Second
	// lastWord is how long the last log line may take: the reader of the log may hang, too.
	lastWord = 200 * time.Millisecond
	// watchEvery is how often the end is watched.
	watchEvery = 100 * time.Millisecond
)

// errSlow is why something is not written that the disk does not take in time.
var errSlow = errors.New("the disk did not write it in time")

// guardEnd ends the process if the director has not ended endTime after ctx has, or
// hurryTime if hurry is closed. Whatever the director waits for then, a signal ends it. The
// returned function says that the director has ended.
func (d *Daemon) guardEnd(ctx context.Context, hurry <-chan struct{}) (ended func()) {
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for began, limit := time.Now(), endTime; ; {
			select {
			case <-over:
				return
			case <-hurry:
				hurry, limit = nil, hurryTime
			case <-tick.C:
			}
			if time.Since(began) >= limit {
				d.endNow(limit)
				return
			}
		}
	})
	return func() {
		stop()
		close(over)
	}
}

// endNow says what the director waits for, and ends the process.
func (d *Daemon) endNow(limit time.Duration) {
	what := "its start or a reload"
	if s := d.stopping.Load(); s != nil {
		what = *s
	}
	why := "the director does not end: ending the process"
	if limit == hurryTime {
		why = "asked twice to end: ending the process"
	}
	said := make(chan struct{})
	go func() {
		defer close(said)
		d.log.Error().Str("waits-for", what).Msg(why)
	}()
	select {
	case <-said:
	case <-time.After(lastWord):
	}
	d.exit(1)
}

// until returns a context that ends when Stop has taken limit.
func (d *Daemon) until(limit time.Duration, what string) (context.Context, context.CancelFunc) {
	return context.WithDeadlineCause(context.Background(), d.stopBegan.Add(limit), fmt.Errorf("write %s: %w", what, errSlow))
}

// inTime calls do, but does not wait for it when Stop has taken limit.
func (d *Daemon) inTime(limit time.Duration, what string, do func() error) error {
	ctx, cancel := d.until(limit, what)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
