package daemon

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"director/control/config"
)

// A director that waits for something after it was asked to end is ended within five
// seconds. While it writes its state it has more time, but not for ever.
func TestGuardEnd_EndsWhateverHangs(t *testing.T) {
	for _, c := range []struct {
		what   string
		hangs  time.Duration // how long Stop takes; 0: for ever
		saves  time.Duration // how long the state is written, from the signal on
		logs   bool          // the reader of the log reads
		ended  time.Duration // when the process is ended, at most; 0: it is not
		logged string
	}{
		{"a director that ends in time", 3 * time.Second, 0, true, 0, ""},
		{"one that hangs", 0, 0, true, 5 * time.Second, "release the interfaces"},
		{"one whose log is not read either", 0, 0, false, 5 * time.Second, ""},
		{"one that writes a large state", 30 * time.Second, 29 * time.Second, true, 0, ""},
		{"one that hangs afterwards", 0, 20 * time.Second, true, 25 * time.Second, "release the interfaces"},
		{"one that writes for ever", 0, time.Hour, true, 65 * time.Second, "release the interfaces"},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var written strings.Builder
				d := New(&config.Config{}, nil, zerolog.New(&written))
				if !c.logs {
					d.log = zerolog.New(stuck{t.Context().Done()})
				}
				exited := make(chan int, 1)
				d.exit = func(code int) { exited <- code }
				ctx, cancel := context.WithCancel(t.Context())
				over := d.guardEnd(ctx)
				began := time.Now()
				cancel()
				d.stopping.Store(new("release the interfaces"))
				if c.saves > 0 {
					d.saving.Store(true)
					time.AfterFunc(c.saves, func() { d.saving.Store(false) })
				}
				if c.hangs > 0 {
					time.Sleep(c.hangs)
					over()
					synctest.Wait()
					if len(exited) != 0 {
						t.Error("the process is ended")
					}
					return
				}
				if code := <-exited; code != 1 || time.Since(began) > c.ended {
					t.Errorf("ended after %v with code %d, want after %v at most, and 1", time.Since(began), code, c.ended)
				}
				over()
				if !strings.Contains(written.String(), c.logged) {
					t.Errorf("logged %q, want %q", &written, c.logged)
				}
			})
		})
	}
}

// stuck is a log that nobody reads, until the test ends.
type stuck struct{ end <-chan struct{} }

func (s stuck) Write(b []byte) (int, error) { <-s.end; return len(b), nil }
