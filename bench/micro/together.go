package micro

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// bound runs do on its own thread, pinned to a CPU. The thread ends with do, so
// that no other goroutine runs on a pinned thread.
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

// together runs do for each of n workers, on the worker's CPU, and returns their
// samples. All begin at the same moment.
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
			ready.Add(1) // a worker that failed to start does not block the others
		})
	}
	all.Wait()
	return samples, errors.Join(errs...)
}
