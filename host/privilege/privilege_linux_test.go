package privilege

import (
	"runtime"
	"testing"
)

// The structures of the call must not lie on the stack. When a stack grows, it moves, and
// another goroutine may write over the old one before the call is made. So the call is
// made at each depth of new stacks, while other goroutines fill stacks. With structures on
// the stack, about one call in ten thousand fails.
func TestSetThreads_WorksAtEachDepthOfTheStack(t *testing.T) {
	has, err := current()
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	defer close(stop)
	for range 4 {
		go fillStacks(stop)
	}
	for i := range 5000 {
		depth := i % 200
		done := make(chan error)
		go func() { done <- deeper(depth, func() error { return setThreads(has) }) }()
		if err := <-done; err != nil {
			t.Fatalf("at depth %d: %v", depth, err)
		}
	}
	if now, err := current(); err != nil || now != has {
		t.Errorf("the capabilities are %v (%v), want %v", now, err, has)
	}
}

//go:noinline
func deeper(depth int, do func() error) error {
	if depth == 0 {
		return do()
	}
	return deeper(depth-1, do)
}

// fillStacks makes goroutines with stacks of several sizes and fills them, until stop is
// closed.
func fillStacks(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		filled := make(chan byte)
		for i := range 8 {
			go func() { filled <- fill(5 + i*10) }()
		}
		for range 8 {
			<-filled
		}
		runtime.Gosched()
	}
}

//go:noinline
func fill(depth int) byte {
	var frame [200]byte
	for i := range frame {
		frame[i] = 0xee
	}
	if depth == 0 {
		return frame[3]
	}
	return frame[depth] + fill(depth-1)
}
