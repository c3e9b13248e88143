package conntrack

import "math"

// chunk is the number of consecutive entries that share one due time. A sweeper reads
// the due time of each chunk, and reads the entries only of chunks that are due. The
// number is a compromise: with a small chunk, few entries are read in vain; with a large
// one, a full table has few due times to read.
const chunk = 16

// never is the due time of a chunk without connections.
const never = math.MaxInt64

// setDeadline sets a new deadline of a live entry. All code that changes a deadline
// calls it, so that a sweeper reads the entry's chunk in time. Nearly all packets make
// the deadline later; that costs no more than the exchange.
//
// It is an exchange, not a store. If two workers set the deadline at once, each gets the
// true previous value, and so knows whether it made the deadline earlier.
func (t *Table) setDeadline(index uint32, deadline int64) {
	if t.entries[index].deadline.Swap(deadline) > deadline {
		t.dueBy(index, deadline)
	}
}

// dueBy makes the chunk of an entry due at deadline or earlier. The caller must first
// write the deadline and make the entry live, and the last of these writes must be an
// exchange. A sweeper that reads the chunk at the same time then has one of two cases:
// it reads the new deadline, or it began earlier and does not overwrite this due time.
func (t *Table) dueBy(index uint32, deadline int64) {
	due := &t.due[index/chunk]
	for {
		was := due.Load()
		if was <= deadline || due.CompareAndSwap(was, deadline) {
			return
		}
	}
}

// expireChunk expires the connections of one chunk, from entry first up to end, whose
// deadline is not after now. It copies them to dead and returns their number. The chunk
// is due again at the earliest deadline of the connections that stay, or at once if dead
// is full.
func (t *Table) expireChunk(first, end uint32, now int64, dead []Conn) (ended int) {
	// This comes before the entries are read. A deadline made earlier before this
	// store is read below. One made earlier after it makes setDeadline call dueBy.
	t.due[first/chunk].Store(never)
	next := int64(never)
	for i := first; i < end; i++ {
		e := &t.entries[i]
		if e.state.Load()&liveBit == 0 {
			continue
		}
		deadline := e.deadline.Load()
		if deadline <= now && ended < len(dead) {
			if t.expire(i, now, &dead[ended]) {
				ended++
				continue
			}
			deadline = e.deadline.Load() // the connection stays
		}
		next = min(next, deadline)
	}
	t.dueBy(first, next)
	return ended
}
