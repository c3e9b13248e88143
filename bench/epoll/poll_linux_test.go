package epoll_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"director/bench/epoll"
)

func TestPoll_TellsWhatIsReady(t *testing.T) {
	p, err := epoll.New(4)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	if err := p.Add(pair[0], 7, unix.EPOLLIN|unix.EPOLLRDHUP); err != nil {
		t.Fatal(err)
	}
	if events, err := p.Wait(time.Microsecond); err != nil || len(events) != 0 {
		t.Errorf("nothing is ready: got %v, %v", events, err)
	}
	unix.Close(pair[1])
	events, err := p.Wait(-1)
	if err != nil || len(events) != 1 || events[0].Fd != 7 || events[0].Events&unix.EPOLLRDHUP == 0 {
		t.Errorf("the other end is closed: got %v, %v", events, err)
	}
	if err := p.Change(pair[0], 8, 0); err != nil {
		t.Fatal(err)
	}
	go p.Wake()
	// epoll reports a hang-up even if it was not asked for.
	for seen := map[int32]bool{}; !seen[epoll.Woken]; {
		events, err := p.Wait(-1)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			seen[e.Fd] = true
		}
	}
}
