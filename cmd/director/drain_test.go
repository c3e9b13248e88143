//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"regexp"
	"strconv"
	"testing"
	"time"

	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/process"
	"director/service"
)

// The number of connections of the drain test, and of clients that run at the same time.
const (
	drainConns   = 10_000
	drainClients = 25
)

// TestDrain_RemovesEveryConnection opens and closes ten thousand connections and waits
// until the director has removed all of them. It uses direct routing, where FIN_WAIT is the
// last state and --timeouts sets its length. With masquerading the director would see both
// FINs. The state would then be TIME_WAIT, which always lasts 120 s in IPVS.
func TestDrain_RemovesEveryConnection(t *testing.T) {
	for _, ioKind := range []string{"xdp", "packet"} {
		t.Run(ioKind, func(t *testing.T) {
			l := labtest.New(t, lab.Config{Method: service.DR, Offloads: ioKind == "packet"})
			startGreeting(t, l)
			d := startDirector(t, l, ioKind, append(httpRules(l), "--timeouts=3,1,3")...)
			ended := make(chan error, 1)
			go func() { ended <- openAndClose(t.Context(), l) }()
			awaitStatus(t, d, regexp.MustCompile(`^[1-9]\d* connections of \d+$`))
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			awaitStatus(t, d, regexp.MustCompile(`^0 connections of \d+$`))
			if err := d.Stop(); err != nil {
				t.Fatal(err)
			}
			for _, field := range []string{"connections", "expired"} {
				if got := workerCount(t, d, field); got != drainConns {
					t.Errorf("got %s=%d in the log, want %d", field, got, drainConns)
				}
			}
		})
	}
}

// startGreeting starts a server on every real server. It sends one byte on each connection
// and closes the connection after the client has closed it.
func startGreeting(t *testing.T, l *lab.Lab) {
	t.Helper()
	for _, h := range l.Servers {
		serve(t, h, demoPort, func(c net.Conn) {
			_, _ = c.Write([]byte{'!'})
			_, _ = io.Copy(io.Discard, c)
		})
	}
}

// openAndClose makes connections through the director and closes each one when the byte of
// the server has arrived. The client closes first, for this reason: if the server closed
// first, the client's last ACK and its FIN could be sent by two CPUs and be reordered. The
// server would answer the late ACK, and the client would reset the connection. Its state
// would then be CLOSE, which lasts 10 s.
func openAndClose(ctx context.Context, l *lab.Lab) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dial := dialer(l, demoPort)
	ended := make(chan error, drainClients)
	for range drainClients {
		go func() {
			for range drainConns / drainClients {
				c, err := dial(ctx)
				if err == nil {
					_ = c.SetReadDeadline(time.Now().Add(patience)) // it cannot fail: the socket is open
					_, err = io.ReadFull(c, make([]byte, 1))
					err = errors.Join(err, c.Close())
				}
				if err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
	}
	var errs []error
	for range drainClients {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

// awaitStatus waits until the director's status line matches.
func awaitStatus(t *testing.T, d *process.Director, want *regexp.Regexp) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !want.MatchString(d.Status()) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v the status is %q, want %s", patience, d.Status(), want)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// workerCount reads a field of the only worker from the log of a director that
// has ended.
func workerCount(t *testing.T, d *process.Director, field string) int {
	t.Helper()
	m := regexp.MustCompile(`worker done.*\s` + field + `=(\d+)`).FindStringSubmatch(d.Log())
	if m == nil {
		t.Fatalf("no %s in the log", field)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
