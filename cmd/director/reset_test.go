//go:build linux

package main

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"director/internal/lab"
)

// TestReset_OfAnUnknownConnection restarts the director while a connection is open. The next
// segment is not a SYN and belongs to no connection of the new director, so the client must
// get a RST. Without it the client would wait for a time-out.
func TestReset_OfAnUnknownConnection(t *testing.T) {
	eachWay(t, lab.Config{StrictRPFilter: true}, []way{nativeXDP, genericXDP, packetIO}, func(t *testing.T, l *lab.Lab, w way) {
		for _, server := range l.Servers {
			serve(t, server, demoServerPort, func(c net.Conn) { _, _ = io.Copy(c, c) })
		}
		d := launch(t, l, w)
		c, err := dialer(l, demoPort)(t.Context())
		must(t, err)
		defer c.Close()
		must(t, c.SetDeadline(time.Now().Add(patience)))
		echo := func() error {
			_, err := io.WriteString(c, "hello")
			if err == nil {
				_, err = io.ReadFull(c, make([]byte, 5))
			}
			return err
		}
		must(t, echo())
		must(t, d.Stop())
		launch(t, l, w)
		if err := echo(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want a reset", err)
		}
	})
}
