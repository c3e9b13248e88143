package epoll

// none stands for no slot.
const none = -1

// Links holds the links of a set of slots, which are numbered from 0. Each slot is
// in at most one queue.
type Links struct{ next, prev []int32 }

// Grow makes room for the links of n slots.
func (l *Links) Grow(n int) {
	for len(l.next) < n {
		l.next = append(l.next, none)
		l.prev = append(l.prev, none)
	}
}

// Queue holds slots in the order in which they were pushed. If all slots have the
// same time-out, the first slot is the next one to expire.
type Queue struct {
	links       *Links
	first, last int32
}

// NewQueue returns an empty queue of slots whose links are in l.
func NewQueue(l *Links) Queue { return Queue{l, none, none} }

// First returns the slot that was pushed before all others in the queue.
func (q *Queue) First() (slot int32, ok bool) { return q.first, q.first != none }

// Push appends a slot, which must not be in any queue.
func (q *Queue) Push(slot int32) {
	q.links.next[slot], q.links.prev[slot] = none, q.last
	if q.last == none {
		q.first = slot
	} else {
		q.links.next[q.last] = slot
	}
	q.last = slot
}

// Remove removes a slot, which must be in this queue.
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
