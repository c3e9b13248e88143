package daemon

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"director/control"
	"director/host"
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
	l, err := host.ListenTCP(d.config.HTTP)
	if err != nil {
		return fmt.Errorf("--http=%s: %w", d.config.HTTP, err)
	}
	status := page.New(&d.window, d.log)
	host, err := os.Hostname()
	if err != nil {
		d.log.Warn().Err(err).Msg("HTTP does not know the host's name: clients must use its address")
	}
	resolver, _ := os.ReadFile("/etc/resolv.conf") // without it the host has no domain
	d.web = web.New(web.Options{
		Names:   append(web.OwnNames(host, string(resolver)), d.config.HTTPNames...),
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
	if down := d.linksDown(); down != nil {
		return fmt.Errorf("the link of %s is down", down[0])
	}
	return nil
}

// window gives other goroutines access to a director's numbers while its workers exist.
// After the workers have ended and their memory is freed, it returns the last numbers. It
// is a metrics.Source.
type window struct {
	mu       sync.RWMutex
	on       *Daemon // nil: before and after
	log      zerolog.Logger
	figures  figures.Figures
	services []control.Service
	counted  control.Stats
	states   []figures.State
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
	w.states = w.on.states()
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

// EachService calls f for each service with its servers, until f returns false. f must not
// keep what it gets.
func (w *window) EachService(f func(*control.Service) bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.on != nil {
		w.on.control.EachService(f)
		return
	}
	for i := range w.services {
		if !f(&w.services[i]) {
			return
		}
	}
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

// States counts the connections in each state.
func (w *window) States() []figures.State {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.on == nil {
		return w.states
	}
	return w.on.states()
}

// Process returns what the kernel knows of this process.
func (w *window) Process() figures.Process {
	p, err := process()
	if err != nil {
		w.log.Warn().Err(err).Msg("metrics of the process are not complete")
	}
	return p
}
