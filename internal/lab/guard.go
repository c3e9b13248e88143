//go:build linux

package lab

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// named holds the names that this process has given to namespaces. They are
// what outlives a process, so a signal that would end it removes them first.
var named registry

// registry is safe for concurrent use.
type registry struct {
	mu      sync.Mutex
	names   map[string]struct{}
	signals chan os.Signal // nil while there is no name to guard
}

// add names the namespace behind the file source, and starts to watch for
// signals with the first name.
func (r *registry) add(name, source string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := removeName(name); err != nil { // of a dead process with our id
		return err
	}
	if err := bindName(name, source); err != nil {
		return err
	}
	if r.names == nil {
		r.names = make(map[string]struct{})
	}
	r.names[name] = struct{}{}
	if r.signals == nil {
		r.signals = make(chan os.Signal, 1)
		signal.Notify(r.signals, terminating()...)
		go r.watch(r.signals)
	}
	return nil
}

// remove takes a name away, and stops to watch with the last one.
func (r *registry) remove(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.names[name]; !ok {
		return nil // a signal was faster
	}
	delete(r.names, name)
	if len(r.names) == 0 {
		r.unwatch()
	}
	return removeName(name)
}

// watch waits for one signal, removes every name and sends the signal again,
// now that nothing of ours stands between it and its effect: it ends the
// process, or reaches whoever else asked for it a second time.
func (r *registry) watch(signals chan os.Signal) {
	sig, ok := <-signals
	if !ok {
		return
	}
	r.mu.Lock()
	for name := range r.names {
		_ = removeName(name) // nobody is left to tell; the next Sweep tries again
	}
	clear(r.names)
	if r.signals == signals {
		r.unwatch()
	}
	r.mu.Unlock()
	_ = syscall.Kill(os.Getpid(), sig.(syscall.Signal))
}

func (r *registry) unwatch() {
	signal.Stop(r.signals)
	close(r.signals)
	r.signals = nil
}

// terminating lists the signals that end a process from outside, without those
// that it was started to ignore (nohup, background jobs of a shell).
func terminating() []os.Signal {
	var sigs []os.Signal
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			sigs = append(sigs, s)
		}
	}
	return sigs
}
