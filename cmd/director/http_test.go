//go:build linux

package main

import (
	"strings"
	"testing"

	"director/internal/lab"
	"director/internal/lab/labtest"
)

// httpRules are the rules of the lab's web servers.
func httpRules(l *lab.Lab) []string { return l.Rules("tcp", "rr", demoPort, demoServerPort) }

// TestHTTP_IsSpreadEvenlyAndWhole fetches a thousand pages by every method: all
// are answered, and round robin gives every server exactly its share. Then it
// fetches ten megabytes and sends as many.
func TestHTTP_IsSpreadEvenlyAndWhole(t *testing.T) {
	everyWay(t, lab.Config{}, spreadWhole)
}

// TestHTTP_OneArm does so with clients and servers on one interface of the
// director.
func TestHTTP_OneArm(t *testing.T) {
	everyWay(t, lab.Config{Arms: 1}, spreadWhole)
}

func spreadWhole(t *testing.T, l *lab.Lab, ioKind string) {
	names := startWeb(t, l)
	startDirector(t, l, ioKind, httpRules(l)...)
	mustFetch(t, l, names, 1000)
	exchangeBytes(t, l)
}

// TestHTTP_TwoWorkers fetches pages over two queues, named by a flag: round robin stays exact, and each worker forwards a fair part of the frames.
func TestHTTP_TwoWorkers(t *testing.T) {
	everyWay(t, lab.Config{Queues: [2]int{2, 2}}, func(t *testing.T, l *lab.Lab, ioKind string) {
		names := startWeb(t, l)
		flags := append(httpRules(l), "--queues=0-1", "--irq=pin")
		d := startDirector(t, l, ioKind, flags...)
		mustFetch(t, l, names, 400)
		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
		frames := workerFrames(t, d)
		if len(frames) != 2 {
			t.Fatalf("%d workers in the log, want 2", len(frames))
		}
		for i, n := range frames {
			if all := frames[0] + frames[1]; 4*n < all {
				t.Errorf("worker %d forwarded %d of %d frames, want at least a quarter", i, n, all)
			}
		}
	})
}

// TestHTTP_UnequalQueues has two queues towards the clients and one towards the
// servers: one worker sends through the port of the other.
func TestHTTP_UnequalQueues(t *testing.T) {
	everyWay(t, lab.Config{Queues: [2]int{2, 1}}, func(t *testing.T, l *lab.Lab, ioKind string) {
		names := startWeb(t, l)
		startDirector(t, l, ioKind, httpRules(l)...)
		mustFetch(t, l, names, 400)
	})
}

// TestHTTP_TakesTheBestIOThatWorks has somebody else's XDP program on one of
// the interfaces. With --io=auto that one is served by packet sockets, the other
// by AF_XDP, frames cross between the two, and the log says why.
func TestHTTP_TakesTheBestIOThatWorks(t *testing.T) {
	l := labtest.New(t, lab.Config{})
	attachOther(t, l, "eth1")
	names := startWeb(t, l)
	d := startDirector(t, l, "auto", httpRules(l)...)
	mustFetch(t, l, names, 1000)
	for _, want := range []string{
		"interface=eth0 io=AF_XDP mode=copy", "interface=eth1 io=AF_PACKET",
		"AF_XDP native: attach XDP to eth1: another XDP program is there",
	} {
		if log := d.Log(); !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
}
