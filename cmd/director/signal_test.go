//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"

	"director/daemon"
)

// The first signal decides whether a successor comes. Only a second request to end without
// one is urgent.
func TestRun_SignalsThatStopIt(t *testing.T) {
	const term, interrupt, successor = syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR2
	for _, c := range []struct {
		signals   []syscall.Signal // the last one is noticed at the latest when the test ends
		successor bool
		hurry     bool
	}{
		{[]syscall.Signal{term}, false, false},
		{[]syscall.Signal{successor}, true, false},
		{[]syscall.Signal{successor, successor, successor}, true, false},
		{[]syscall.Signal{successor, term}, true, false},
		{[]syscall.Signal{term, term}, false, true},
		{[]syscall.Signal{term, successor, interrupt}, false, true},
		{[]syscall.Signal{successor, interrupt, term}, true, true},
	} {
		signals := make(chan os.Signal)
		ctx, hurry, stop := untilSignal(signals)
		for _, s := range c.signals {
			signals <- s
		}
		<-ctx.Done()
		if got := errors.Is(context.Cause(ctx), daemon.ErrSuccessor); got != c.successor {
			t.Errorf("%v: a successor comes: %v, want %v", c.signals, got, c.successor)
		}
		if c.hurry {
			<-hurry
		} else {
			signals <- successor // the one before has been taken account of
			select {
			case <-hurry:
				t.Errorf("%v: it is urgent", c.signals)
			default:
			}
		}
		stop()
	}
}
