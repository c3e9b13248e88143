package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"director/control"
	"director/view/figures"
	"director/view/metrics"
	"director/view/page"
	"director/view/web"
)

// stuckTime is how long a worker may go without a step before it counts as stuck. An
// idle worker makes a step at least twice a second.
const stuckTime = 5 * time.Second

// listenHTTP opens the listener for metrics and health. Until the director works, it
// answers that the director is starting.
func (d *Daemon) listenHTTP() error {
	if d.config.HTTP == "" {
		return nil
	}
	l, err := listen(d.config.HTTP)
	if err != nil {
		return fmt.Errorf("--http=%s: %w", d.config.HTTP, err)
	}
	status := page.New(&d.window, d.log)
	host, err := os.Hostname()
	if err != nil {
		d.log.Warn().Err(err).Msg("HTTP does not know the host's name: clients must use its address")
	}
	d.web = web.New(web.Options{
		Host: host, Names: d.config.HTTPNames,
		Page:    status,
		Metrics: metrics.Handler(metrics.New(&d.window), d.log),
		IPVS:    metrics.Handler(metrics.NewIPVS(&d.window), d.log),
		Healthy: d.healthy,
		Fit:     d.fit,
		Log:     d.log,
	})
	d.web.Serve(l)
	ctx, cancel := context.WithCancel(context.Background())
	var sampling sync.WaitGroup
	sampling.Go(func() { status.Run(ctx) })
	d.defers("close the HTTP listener", func() error {
		cancel()
		sampling.Wait()
		return d.web.Close()
	})
	return nil
}

// listen opens a TCP listener. A loopback address works even while the loopback
// interface is down, as in a new network namespace. The listener can be reached once the
// interface is up.
func listen(addr string) (net.Listener, error) {
	var c net.ListenConfig
	if a, err := netip.ParseAddrPort(addr); err == nil && a.Addr().IsLoopback() {
		c.Control = freeBind
	}
	l, err := c.Listen(context.Background(), "tcp", addr)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		err = errors.New("another program listens there: give another address, or none (--http=) to do without metrics")
	case errors.Is(err, unix.EADDRNOTAVAIL):
		err = errors.New("no interface has this address")
	}
	return l, err
}

// freeBind lets a socket bind to an address that no interface has yet. The IPv4 option
// also works for IPv6 loopback addresses.
func freeBind(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1)
	})
	return errors.Join(err, failed)
}

// phase tells the HTTP listener in which phase the director is.
func (d *Daemon) phase(p web.Phase) {
	if d.web != nil {
		d.web.SetPhase(p)
	}
}

// showNumbers keeps the window open until the workers end.
func (d *Daemon) showNumbers() {
	d.window.open(d)
	d.phase(web.Working)
	d.defers("keep the last numbers", func() error { d.window.close(); return nil })
}

// healthy returns an error if a worker is stuck.
func (d *Daemon) healthy() error {
	now := d.shared.Now()
	for i, w := range d.workers {
		if age := time.Duration(now - w.Stepped()); age > stuckTime {
			return fmt.Errorf("worker %d has not made a step for %d s", i, age/time.Second)
		}
	}
	return nil
}

// fit returns an error if the link of an interface is down.
func (d *Daemon) fit() error {
	for _, l := range d.shared.View().Hops.Interfaces() {
		if !l.Up {
			return fmt.Errorf("the link of %s is down", l.Name)
		}
	}
	return nil
}

// window gives other goroutines access to a director's numbers while its workers exist.
// After the workers have ended and their memory is freed, it returns the last numbers. It
// is a metrics.Source.
type window struct {
	mu       sync.RWMutex
	on       *Daemon // nil: before and after
	figures  figures.Figures
	services []control.Service
	counted  control.Stats
}

func (w *window) open(on *Daemon) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.on = on
}

// close waits for readers that are in progress, and stores the last numbers.
func (w *window) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.figures, w.services, w.counted = w.on.Figures(), w.on.control.Services(), w.on.control.Counted()
	w.on = nil
}

// Figures returns what the director has done.
func (w *window) Figures() figures.Figures {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.on == nil {
		return w.figures
	}
	return w.on.Figures()
}

// Services lists the services with their servers.
func (w *window) Services() []control.Service {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.on == nil {
		return w.services
	}
	return w.on.control.Services()
}

// Differences returns most of the changes that were made at run time.
func (w *window) Differences(most int) []control.Difference {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.on == nil {
		return nil
	}
	return w.on.control.Differences(most)
}

// Counted is the sum over all services, including those that were removed.
func (w *window) Counted() control.Stats {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.on == nil {
		return w.counted
	}
	return w.on.control.Counted()
}
