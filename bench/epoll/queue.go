package epoll

// none is no slot.
const none = -1

// Links are the links of a set of slots, numbered from 0, each of which is in
// at most one queue.
type Links struct{ next, prev []int32 }

// Grow makes links for n slots.
func (l *Links) Grow(n int) {
	for len(l.next) < n {
		l.next = append(l.next, none)
		l.prev = append(l.prev, none)
	}
}

// Queue is slots in the order that they were pushed. If all wait for the same
// time, the first is the next one whose time is over.
type Queue struct {
	links       *Links
	first, last int32
}

// NewQueue returns an empty queue of the slots that l links.
func NewQueue(l *Links) Queue { return Queue{l, none, none} }

// First returns the slot that was pushed first.
func (q *Queue) First() (slot int32, ok bool) { return q.first, q.first != none }

// Push puts a slot that is in no queue at the end.
func (q *Queue) Push(slot int32) {
	q.links.next[slot], q.links.prev[slot] = none, q.last
	if q.last == none {
		q.first = slot
	} else {
		q.links.next[q.last] = slot
	}
	q.last = slot
}

// Remove takes out a slot that is in this queue.
func (q *Queue) Remove(slot int32) {
	next, prev := q.links.next[slot], q.links.prev[slot]
	if prev == none {
		q.first = next
	} else {
		q.links.next[prev] = next
	}
	if next == none {
		q.last = prev
	} else {
		q.links.prev[next] = prev
	}
}
