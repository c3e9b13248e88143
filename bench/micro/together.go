package micro

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// bound runs do on a thread of its own on a CPU. The thread ends with it:
// nobody else should run where it was pinned.
func (b *bench) bound(cpu int, do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		var err error
		if b.Pin != nil {
			err = b.Pin(cpu)
		}
		if err == nil {
			err = do()
		}
		done <- err
	}()
	return <-done
}

// together runs do for each of n workers, on the worker's CPU, and returns what
// they measured. They begin at the same moment.
func (b *bench) together(n int, do func(worker int) (sample, error)) ([]sample, error) {
	samples, errs := make([]sample, n), make([]error, n)
	var ready atomic.Int32
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			errs[i] = b.bound(b.CPUs[i], func() (err error) {
				ready.Add(1)
				for ready.Load() < int32(n) {
					runtime.Gosched()
				}
				samples[i], err = do(i)
				return err
			})
			ready.Add(1) // one that could not begin keeps nobody waiting
		})
	}
	all.Wait()
	return samples, errors.Join(errs...)
}
