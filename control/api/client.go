package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"director/internal/files"
)

// ErrUnreachable matches the errors of a client that gets no answer.
var ErrUnreachable = errors.New("no director answers")

type unreachable struct {
	socket string
	err    error
}

func (e *unreachable) Error() string {
	switch {
	case errors.Is(e.err, os.ErrPermission):
		return fmt.Sprintf("%s belongs to another user: run as root, or as the director's user", e.socket)
	case errors.Is(e.err, os.ErrNotExist):
		return fmt.Sprintf("no director runs, or its --control is not %s", e.socket)
	}
	return fmt.Sprintf("no director answers at %s: %v", e.socket, e.err)
}

func (e *unreachable) Is(target error) bool { return target == ErrUnreachable }
func (e *unreachable) Unwrap() error        { return e.err }

// Client sends requests to a director through its control socket. Its methods may be
// called by any goroutine.
type Client struct {
	socket string
	http   http.Client
}

// Open returns a client for the director at a socket. It does not connect yet.
func Open(socket string) *Client {
	return &Client{socket: socket, http: http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			err := files.CheckSocket(socket)
			var c net.Conn
			if err == nil {
				c, err = new(net.Dialer).DialContext(ctx, "unix", socket)
			}
			if err != nil {
				return nil, &unreachable{socket, err}
			}
			return c, nil
		},
		DisableCompression: true,
	}}}
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Get sends a GET request and decodes the answer. path begins with /v1/.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	return c.Do(ctx, http.MethodGet, path, nil, into)
}

// Do sends body as JSON and decodes the answer into the value into. Both may be nil. If
// the director refuses the request, the error is an *Error.
func (c *Client) Do(ctx context.Context, method, path string, body, into any) error {
	var b io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		b = bytes.NewReader(text)
	}
	r, err := c.Stream(ctx, method, path, b)
	if err != nil {
		return err
	}
	defer r.Close()
	if into == nil {
		_, err = io.Copy(io.Discard, r)
	} else {
		err = json.NewDecoder(r).Decode(into)
	}
	if err != nil {
		return fmt.Errorf("%s %s: the answer: %w", method, path, err)
	}
	return nil
}

// Stream sends body, which may be nil, and returns the body of the answer as a stream.
// The caller closes it.
func (c *Client) Stream(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://director"+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	w, err := c.http.Do(r)
	if u, ok := errors.AsType[*unreachable](err); ok {
		return nil, u
	}
	if err != nil {
		return nil, &unreachable{c.socket, err}
	}
	if w.StatusCode/100 == 2 {
		return w.Body, nil
	}
	defer w.Body.Close()
	e := &Error{Status: w.StatusCode}
	if err := json.NewDecoder(io.LimitReader(w.Body, maxBody)).Decode(e); err != nil {
		return nil, fmt.Errorf("%s %s: %s", method, path, w.Status)
	}
	return nil, e
}
