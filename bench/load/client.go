package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// client makes requests one after the other and keeps its own record of them.
type client struct {
	Config
	get []byte // the request
	buf []byte // what is read at a time

	reply reply

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

// request makes one request and records it, unless ctx ended meanwhile.
func (c *client) request(ctx context.Context) {
	start := time.Now()
	server, err := c.exchange(ctx, start.Add(c.Timeout))
	switch {
	case err == nil:
		c.latencies = append(c.latencies, time.Since(start))
		c.servers[server]++
	case ctx.Err() == nil:
		c.errors[kindOf(err)]++
		if c.first == nil {
			c.first = err
		}
	}
}

// exchange connects, asks, reads to the end and returns who answered.
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
	// A parent that ends early must not leave us in a read.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()

	if _, err := conn.Write(c.get); err != nil {
		return "", err
	}
	c.reply.begin(int64(c.BodySize))
	for {
		n, err := conn.Read(c.buf)
		done, f := c.reply.feed(c.buf[:n])
		if f == sound && !done && errors.Is(err, io.EOF) {
			_, f = c.reply.end()
		}
		switch {
		case f != sound:
			return "", c.reply.err(f)
		case errors.Is(err, io.EOF):
			return string(c.reply.server()), nil
		case err != nil:
			return "", err
		}
	}
}
