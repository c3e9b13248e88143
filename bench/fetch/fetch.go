// Package fetch is a small HTTP client for tests and the demo: Run makes a number of
// requests, a number of them at a time, and counts the replies by server. It also
// has the reader of replies and the kinds of failure that bench/load uses. A reply
// counts when it is complete. Its X-Server header names the server.
package fetch

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// The page of the LVS paper's measurements, and how long to wait for it.
const (
	DefaultTimeout  = time.Second
	DefaultBodySize = 628 // bytes
)

// progressInterval is the time between two calls of Config.Progress.
const progressInterval = 100 * time.Millisecond

// Config configures Run.
type Config struct {
	// Dial connects for one request. Several goroutines call it at a time. The time
	// to connect counts as part of the request.
	Dial func(context.Context) (net.Conn, error)

	Requests    int           // in total
	Concurrency int           // requests at a time; below 1 means 1
	Timeout     time.Duration // of one request, including connecting; 0 means DefaultTimeout
	Path        string        // empty means "/"
	BodySize    int           // of a good reply, in bytes; 0 means DefaultBodySize

	// Progress, if set, is called regularly with the number of finished requests,
	// and once at the end, by the goroutine that called Run.
	Progress func(done int)
}

// Run makes the requests and reports their results. If ctx ends first, Run aborts the
// requests in progress and does not count them.
func Run(ctx context.Context, c Config) Result {
	c = c.withDefaults()
	var tickets, done atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	clients := make([]*client, max(0, min(c.Concurrency, c.Requests)))
	for i := range clients {
		clients[i] = newClient(c)
		wg.Go(func() {
			for ctx.Err() == nil && tickets.Add(1) <= int64(c.Requests) {
				clients[i].request(ctx)
				done.Add(1)
			}
		})
	}
	watch(&wg, &done, c.Progress)
	return gather(clients, time.Since(start))
}

func (c Config) withDefaults() Config {
	if c.Concurrency < 1 {
		c.Concurrency = 1
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Path == "" {
		c.Path = "/"
	}
	if c.BodySize == 0 {
		c.BodySize = DefaultBodySize
	}
	return c
}

// watch waits for the clients and reports their progress.
func watch(wg *sync.WaitGroup, done *atomic.Int64, progress func(int)) {
	if progress == nil {
		wg.Wait()
		return
	}
	over := make(chan struct{})
	go func() {
		wg.Wait()
		close(over)
	}()
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			progress(int(done.Load()))
		case <-over:
			progress(int(done.Load()))
			return
		}
	}
}
