package daemon

import (
	"context"
	"time"
)

const (
	// endTime is how long the director may take to end after it was asked to, or after its
	// state is written. A service manager, or a person, expects the end within five seconds.
	endTime = 4500 * time.Millisecond
	// saveTime is how long writing the state may delay the end. A state that is older is
	// not used.
	saveTime = 60 * time.Second
	// lastWord is how long the last log line may take: the reader of the log may hang, too.
	lastWord = 200 * time.Millisecond
	// watchEvery is how often the end is watched.
	watchEvery = 100 * time.Millisecond
)

// guardEnd ends the process if the director has not ended endTime after ctx has. Whatever
// the director waits for then, a signal ends it. The returned function says that the
// director has ended.
func (d *Daemon) guardEnd(ctx context.Context) (ended func()) {
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for began, deadline := time.Now(), endTime; ; {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			elapsed := time.Since(began)
			if d.saving.Load() && elapsed < saveTime {
				deadline = elapsed + endTime
			} else if elapsed >= deadline {
				d.endNow()
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
func (d *Daemon) endNow() {
	what := "its start or a reload"
	if s := d.stopping.Load(); s != nil {
		what = *s
	}
	said := make(chan struct{})
	go func() {
		defer close(said)
		d.log.Error().Str("waits-for", what).Msg("the director does not end: ending the process")
	}()
	select {
	case <-said:
	case <-time.After(lastWord):
	}
	d.exit(1)
}
