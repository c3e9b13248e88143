package conntrack

import "math"

// A chunk is so many consecutive entries, which are looked at together. The
// sweepers pass over a word of each chunk and read the entries of those that
// have something to end: few enough entries that it rarely costs much to read
// them for one, and enough that the words of a full table are read in no time.
const chunk = 16

// never is when a chunk without connections is due.
const never = math.MaxInt64

// setDeadline gives a live entry another deadline. Every change of a deadline
// comes here, so that the entry's chunk is looked at in time; one that moves a
// deadline on, as nearly all packets do, costs nothing more.
//
// It is exchanged, so that of two workers that do so at once each learns truly
// whether it moved it back.
func (t *Table) setDeadline(index uint32, deadline int64) {
	if t.entries[index].deadline.Swap(deadline) > deadline {
		t.dueBy(index, deadline)
	}
}

// dueBy has the chunk of an entry looked at when that time has come, or before.
// It is called after the deadline was written and the entry is live, the last of
// it by an exchange: a sweeper that looks at the chunk meanwhile reads the
// deadline, or else began before, and does not undo this.
func (t *Table) dueBy(index uint32, deadline int64) {
	due := &t.due[index/chunk]
	for {
		was := due.Load()
		if was <= deadline || due.CompareAndSwap(was, deadline) {
			return
		}
	}
}

// expireChunk ends the connections of the entries from first to end, all of one
// chunk, whose deadline is not after now. It copies them to dead and returns how many
// there are. The chunk is due again at the earliest deadline of those that
// stay, or at once when dead is full.
func (t *Table) expireChunk(first, end uint32, now int64, dead []Conn) (ended int) {
	// Before the entries are read: a deadline that moves back before this is
	// seen below, and one that does after it is noted by who moved it.
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
			deadline = e.deadline.Load() // it goes on
		}
		next = min(next, deadline)
	}
	t.dueBy(first, next)
	return ended
}
