package epoll_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"director/bench/epoll"
)

// drain removes all slots from a queue, from the front, and returns them.
func drain(q *epoll.Queue) (all []int32) {
	for slot, ok := q.First(); ok; slot, ok = q.First() {
		all = append(all, slot)
		q.Remove(slot)
	}
	return all
}

func TestQueue_KeepsTheOrderWhateverIsTakenOut(t *testing.T) {
	const slots = 40
	var links epoll.Links
	links.Grow(slots)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		q, other := epoll.NewQueue(&links), epoll.NewQueue(&links)
		var want, moved []int32
		for slot := range int32(slots) {
			q.Push(slot)
			want = append(want, slot)
		}
		for range r.IntN(slots) {
			i := r.IntN(len(want))
			q.Remove(want[i])
			if r.IntN(2) == 0 {
				q.Push(want[i])
				want = append(want, want[i])
			} else {
				other.Push(want[i])
				moved = append(moved, want[i])
			}
			want = slices.Delete(want, i, i+1)
		}
		if got := drain(&q); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if got := drain(&other); !slices.Equal(got, moved) {
			t.Fatalf("the other queue: got %v, want %v", got, moved)
		}
	}
}
