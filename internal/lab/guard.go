//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/vishvananda/netns"
)

// named holds the names that this process has given to namespaces. Names stay when a
// process ends, so a signal that would end it removes them first.
var named registry

// registry is safe for concurrent use.
type registry struct {
	mu      sync.Mutex
	names   map[string]struct{}
	signals chan os.Signal // nil while there is no name to guard
}

// add makes a namespace with a name and moves the calling thread into it. With the
// first name it starts to watch for signals.
func (r *registry) add(name string) (netns.NsHandle, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := removeName(name); err != nil { // of a dead process with the same id
		return netns.None(), err
	}
	ns, err := netns.NewNamed(name)
	if err != nil {
		err = fmt.Errorf("make network namespace %s (needs CAP_SYS_ADMIN): %w", name, err)
		return netns.None(), errors.Join(err, removeName(name))
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
	return ns, nil
}

// remove removes a name. With the last name it stops to watch for signals.
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

// watch waits for one signal, removes all names and sends the signal again. The
// signal is not caught here any more: so it ends the process, or it reaches others
// who catch it, a second time.
func (r *registry) watch(signals chan os.Signal) {
	sig, ok := <-signals
	if !ok {
		return
	}
	r.mu.Lock()
	for name := range r.names {
		_ = removeName(name) // there is no caller to report to; the next Sweep tries again
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

// terminating lists the signals that end a process from outside, except for those
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
