// Package load asks web servers. Drive offers a rate whatever becomes of the
// connections, as httperf loaded the paper's directors, by an event loop on each
// of its threads, and needs Linux; With has other programs do it. Run makes so many
// requests, so many at a time, by whatever dials. A reply counts when it is whole;
// which server gave it is read from its X-Server header.
package load

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// progressInterval is how often Config.Progress hears from Run.
const progressInterval = 100 * time.Millisecond

// Config says what to ask and how often.
type Config struct {
	// Dial makes the connection of one request; several goroutines call it.
	// Connecting counts as part of the request.
	Dial func(context.Context) (net.Conn, error)

	Requests    int           // in all
	Concurrency int           // requests under way at one time; below 1 means 1
	Timeout     time.Duration // of one request, connecting included; 0 means DefaultTimeout
	Path        string        // empty means "/"
	BodySize    int           // bytes that a good reply has; 0 means DefaultBodySize

	// Progress, if set, is told now and then how many requests are over, and
	// the final number at the end, always by the goroutine that called Run.
	Progress func(done int)
}

// Run makes the requests and reports what became of them. When ctx ends first,
// requests that are under way are cut short and not counted.
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

// watch waits for the clients and reports how far they are.
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
