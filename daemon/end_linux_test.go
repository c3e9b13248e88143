package daemon

import (
	"context"
	"iter"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"director/conntrack"
	"director/control/config"
	"director/control/state"
	"director/dataplane"
	"director/internal/files"
	"director/packet"
)

// A director that waits for something after it was asked to end is ended within five
// seconds, and within one second if it was asked twice.
func TestGuardEnd_EndsWhateverHangs(t *testing.T) {
	for _, c := range []struct {
		what   string
		hangs  time.Duration // how long Stop takes; 0: for ever
		twice  time.Duration // when it is asked again; 0: never
		logs   bool          // the reader of the log reads
		ended  time.Duration // when the process is ended, at most; 0: it is not
		logged string
	}{
		{"a director that ends in time", 3 * time.Second, 0, true, 0, ""},
		{"one that hangs", 0, 0, true, 5 * time.Second, "release the interfaces"},
		{"one whose log is not read either", 0, 0, false, 5 * time.Second, ""},
		{"one that is asked twice at once", 0, time.Millisecond, true, 1500 * time.Millisecond, "asked twice"},
		{"one that is asked again later", 0, 2 * time.Second, true, 2500 * time.Millisecond, "asked twice"},
		{"one that is asked twice and ends", 900 * time.Millisecond, time.Millisecond, true, 0, ""},
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
				hurry := make(chan struct{})
				over := d.guardEnd(ctx, hurry)
				began := time.Now()
				cancel()
				d.stopping.Store(new("release the interfaces"))
				if c.twice > 0 {
					time.AfterFunc(c.twice, func() { close(hurry) })
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

// A disk that hangs holds up neither the release of the host nor the end. The director says
// what is not saved.
func TestStop_DoesNotWaitForADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, website, withState(t, filepath.Join(t.TempDir(), "state")))
		exited := make(chan int, 1)
		r.exit = func(code int) { exited <- code }
		var released bool
		r.defers("release the host", func() error { released = true; return nil })
		on := make(chan struct{})
		hang := func() error { <-on; return nil }
		defer close(on)
		r.defers("end the journal", func() error { return r.inTime(journalTime, "the journal", hang) })
		r.writeState = func(ctx context.Context, _ *files.Place, _ state.Header, _ iter.Seq2[*conntrack.Record, *dataplane.Dialogue]) (int, error) {
			<-ctx.Done()
			return 0, context.Cause(ctx)
		}
		r.defers("save the state", r.saveState)
		r.receive(0, frame(packet.ProtoTCP, 1024, 80))
		ctx, cancel := context.WithCancel(t.Context())
		over := r.guardEnd(ctx, nil)
		cancel()
		err := r.Stop()
		over()
		synctest.Wait()
		if len(exited) != 0 || !released {
			t.Errorf("the process was ended by force: %v; the host was released: %v", len(exited) != 0, released)
		}
		for _, want := range []string{"save the state: 1 connections are not saved: write the state: the disk did not write it in time",
			"end the journal: write the journal: the disk did not write it in time"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Stop: %v, want %q", err, want)
			}
		}
	})
}

// stuck is a log that nobody reads, until the test ends.
type stuck struct{ end <-chan struct{} }

func (s stuck) Write(b []byte) (int, error) { <-s.end; return len(b), nil }
