//go:build linux

package main

import (
	"strings"
	"testing"

	"director/internal/lab"
	"director/internal/lab/labtest"
)

// httpRules returns the rules for the lab's web servers.
func httpRules(l *lab.Lab) []string { return l.Rules("tcp", "rr", demoPort, demoServerPort) }

// TestHTTP_IsBalancedEvenlyAndComplete fetches a thousand pages by every method. All
// requests must be answered, and round robin must give every server exactly its share. Then
// it downloads and uploads ten megabytes.
func TestHTTP_IsBalancedEvenlyAndComplete(t *testing.T) {
	everyWay(t, lab.Config{}, testHTTP)
}

// TestHTTP_OneInterface does the same with clients and servers on one interface of the
// director.
func TestHTTP_OneInterface(t *testing.T) {
	everyWay(t, lab.Config{Arms: 1}, testHTTP)
}

func testHTTP(t *testing.T, l *lab.Lab, ioKind string) {
	names := startWeb(t, l)
	startDirector(t, l, ioKind, httpRules(l)...)
	mustFetch(t, l, names, 1000)
	exchangeBytes(t, l)
}

// TestHTTP_TwoWorkers fetches pages through two queues, which a flag selects. Round robin
// must stay exact, and each worker must forward at least a quarter of the frames.
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

// TestHTTP_UnequalQueues uses two queues on the clients' side and one on the servers' side,
// so one worker sends through the port of the other.
func TestHTTP_UnequalQueues(t *testing.T) {
	everyWay(t, lab.Config{Queues: [2]int{2, 1}}, func(t *testing.T, l *lab.Lab, ioKind string) {
		names := startWeb(t, l)
		startDirector(t, l, ioKind, httpRules(l)...)
		mustFetch(t, l, names, 400)
	})
}

// TestHTTP_TakesTheBestIOThatWorks attaches an XDP program that is not the director's to
// one of the interfaces. With --io=auto the director must use packet sockets there and
// AF_XDP on the other interface, forward between the two, and log the reason.
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
			t.Errorf("the log does not contain %q:\n%s", want, log)
		}
	}
}
