package main

import (
	"testing"

	"director/internal/lab"
)

// httpRules are the rules of the lab's web servers.
func httpRules(l *lab.Lab) []string { return l.Rules("tcp", "rr", demoPort, demoServerPort) }

// TestHTTP_IsSpreadEvenly fetches a thousand pages by every method: all are
// answered, and round robin gives every server exactly its share.
func TestHTTP_IsSpreadEvenly(t *testing.T) {
	everyWay(t, lab.Config{}, func(t *testing.T, l *lab.Lab, ioKind string) {
		names := startWeb(t, l)
		startDirector(t, l, ioKind, httpRules(l)...)
		fetch(t, l, names, 1000)
	})
}

// TestHTTP_TwoWorkers does the same over two queues: round robin stays exact,
// and each worker has a fair part of the frames.
func TestHTTP_TwoWorkers(t *testing.T) {
	everyWay(t, lab.Config{Queues: [2]int{2, 2}}, func(t *testing.T, l *lab.Lab, ioKind string) {
		names := startWeb(t, l)
		d := startDirector(t, l, ioKind, httpRules(l)...)
		fetch(t, l, names, 1000)
		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
		frames := workerFrames(t, d)
		if len(frames) != 2 {
			t.Fatalf("%d workers in the log, want 2", len(frames))
		}
		for i, n := range frames {
			if all := frames[0] + frames[1]; 4*n < all {
				t.Errorf("worker %d received %d of %d frames, want at least a quarter", i, n, all)
			}
		}
	})
}

// TestHTTP_UnequalQueues has two queues towards the clients and one towards the
// servers: one worker sends by way of the other.
func TestHTTP_UnequalQueues(t *testing.T) {
	everyWay(t, lab.Config{Queues: [2]int{2, 1}}, func(t *testing.T, l *lab.Lab, ioKind string) {
		names := startWeb(t, l)
		startDirector(t, l, ioKind, httpRules(l)...)
		fetch(t, l, names, 1000)
	})
}

// TestHTTP_OneArm has clients and servers on one interface of the director.
func TestHTTP_OneArm(t *testing.T) {
	everyWay(t, lab.Config{Arms: 1}, func(t *testing.T, l *lab.Lab, ioKind string) {
		names := startWeb(t, l)
		startDirector(t, l, ioKind, httpRules(l)...)
		fetch(t, l, names, 1000)
	})
}
