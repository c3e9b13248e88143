package bed

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"director/bench/paper"
)

// sweepPort is the port at which the first server returns messages.
const sweepPort = 5002

// sweepTime is how long messages of one size are sent, unless a single round trip
// takes longer.
const sweepTime = 200 * time.Millisecond

// Sweep sends messages of one size to the first server and back, over one
// connection, and measures the time, as netpipe does.
func (b *Bed) Sweep(ctx context.Context, size int) (t paper.Transfer, err error) {
	l, err := b.lab.Servers[0].Listen("tcp4", anyAddress(sweepPort).String())
	if err != nil {
		return t, err
	}
	answered := make(chan error, 1)
	go func() { answered <- sendBack(l, size) }()
	defer func() { err = errors.Join(err, l.Close(), <-answered) }()
	c, err := b.lab.Clients[0].Dial(ctx, "tcp4", "", netip.AddrPortFrom(b.target.Addr(), sweepPort).String())
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })() // aborts blocked reads and writes
	t = paper.Transfer{Setup: b.setup, Bytes: size}
	message := make([]byte, size)
	if err := turn(c, message); err != nil { // an untimed first message opens the congestion window
		return t, errors.Join(err, ctx.Err())
	}
	begun := time.Now()
	for t.Turns == 0 || time.Since(begun) < sweepTime {
		if err := turn(c, message); err != nil {
			return t, errors.Join(err, ctx.Err())
		}
		t.Turns++
	}
	t.Seconds = time.Since(begun).Seconds()
	return t, nil
}

// turn sends a message and waits until it is back.
func turn(c net.Conn, message []byte) error {
	if _, err := c.Write(message); err != nil {
		return err
	}
	_, err := io.ReadFull(c, message)
	return err
}

// sendBack returns each complete message of one connection, until the connection
// ends.
func sendBack(l net.Listener, size int) error {
	c, err := l.Accept()
	if errors.Is(err, net.ErrClosed) {
		return nil // no connection was made
	}
	if err != nil {
		return err
	}
	message := make([]byte, size)
	for err == nil {
		if _, err = io.ReadFull(c, message); err == nil {
			_, err = c.Write(message)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil // the connection ended between two messages
	}
	return errors.Join(err, c.Close())
}
