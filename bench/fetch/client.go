package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// client makes requests one after the other and records their results.
type client struct {
	Config
	get []byte // the request
	buf []byte // receives one read

	reply Reply

	servers   map[string]int
	errors    map[Kind]int
	first     error
	latencies []time.Duration
}

func newClient(c Config) *client {
	return &client{
		Config:    c,
		get:       fmt.Appendf(nil, "GET %s HTTP/1.0\r\n\r\n", c.Path),
		buf:       make([]byte, 16<<10),
		servers:   make(map[string]int),
		errors:    make(map[Kind]int),
		latencies: make([]time.Duration, 0, c.Requests/c.Concurrency+1),
	}
}

// request makes one request. It records the result, unless ctx ended meanwhile.
func (c *client) request(ctx context.Context) {
	start := time.Now()
	server, err := c.exchange(ctx, start.Add(c.Timeout))
	switch {
	case err == nil:
		c.latencies = append(c.latencies, time.Since(start))
		c.servers[server]++
	case ctx.Err() == nil:
		c.errors[KindOf(err)]++
		if c.first == nil {
			c.first = err
		}
	}
}

// exchange connects, sends the request, reads the reply and returns the server's name.
func (c *client) exchange(ctx context.Context, deadline time.Time) (server string, err error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := c.Dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	// If the parent context ends early, a blocked read must return.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()

	if _, err := conn.Write(c.get); err != nil {
		return "", err
	}
	c.reply.Begin(int64(c.BodySize))
	for {
		n, err := conn.Read(c.buf)
		done, f := c.reply.Feed(c.buf[:n])
		if f == Sound && !done && errors.Is(err, io.EOF) {
			_, f = c.reply.End()
		}
		switch {
		case f != Sound:
			return "", c.reply.Err(f)
		case errors.Is(err, io.EOF):
			return string(c.reply.Server()), nil
		case err != nil:
			return "", err
		}
	}
}
