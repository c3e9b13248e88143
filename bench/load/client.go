package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// headerRoom is how much of a reply may be header, in bytes.
const headerRoom = 4096

// Kind groups failed requests by what the client saw.
type Kind string

// What can become of a request that fails.
const (
	Timeout     Kind = "timeout"
	Refused     Kind = "refused"
	Reset       Kind = "reset"
	Unreachable Kind = "unreachable"
	BadReply    Kind = "bad reply" // it came, but is no HTTP reply of status 200 and the right size
	Other       Kind = "other"
)

// errReply is wrapped by every error about the content of a reply.
var errReply = errors.New("bad reply")

// client makes requests one after the other and keeps its own record of them.
type client struct {
	Config
	get []byte // the request
	buf []byte // room for the reply and one byte more, to see that it is too long

	servers   map[string]int
	errors    map[Kind]int
	first     error
	latencies []time.Duration
}

func newClient(c Config) *client {
	return &client{
		Config:    c,
		get:       fmt.Appendf(nil, "GET %s HTTP/1.0\r\n\r\n", c.Path),
		buf:       make([]byte, headerRoom+c.BodySize+1),
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
	n, err := io.ReadFull(conn, c.buf)
	switch {
	case err == nil:
		return "", fmt.Errorf("%w: longer than %d bytes", errReply, n-1)
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return "", err
	}
	return c.check(c.buf[:n])
}

// check reads a whole reply.
func (c *client) check(reply []byte) (server string, err error) {
	head, body, ok := bytes.Cut(reply, []byte("\r\n\r\n"))
	if !ok {
		return "", fmt.Errorf("%w: header ends after %d bytes", errReply, len(reply))
	}
	status, fields, _ := bytes.Cut(head, []byte("\r\n"))
	version, code, _ := bytes.Cut(status, []byte(" "))
	if !bytes.HasPrefix(version, []byte("HTTP/1.")) || !bytes.HasPrefix(code, []byte("200")) {
		return "", fmt.Errorf("%w: status %q", errReply, status)
	}
	if len(body) != c.BodySize {
		return "", fmt.Errorf("%w: body of %d bytes, want %d", errReply, len(body), c.BodySize)
	}
	return serverName(fields), nil
}

// serverName finds the X-Server field of a header; a reply without one has the
// empty name.
func serverName(fields []byte) string {
	for line := range bytes.SplitSeq(fields, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("X-Server")) {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

func kindOf(err error) Kind {
	switch {
	case errors.Is(err, errReply):
		return BadReply
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Reset
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Unreachable
	}
	return Other
}
