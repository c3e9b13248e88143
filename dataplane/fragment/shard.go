package fragment

import (
	"math"
	"sync"
	"sync/atomic"
)

// never is the value of due if there is no datagram.
const never = math.MaxInt64

// shard is a part of the table: datagrams that share a lock and memory. A stored
// frame is identified by the number of its first cell. A datagram is identified by
// its frame that arrived first.
type shard struct {
	due atomic.Int64 // deadline of the oldest datagram; written under mu

	mu     sync.Mutex // guards the fields below
	byKey  map[key]int32
	oldest int32
	newest int32

	cells   cells
	stored  []stored  // by first cell
	waiting []waiting // by first cell of the first frame

	_ [64]byte // keeps the lock of the next shard on another cache line
}

// stored is a frame in the table.
type stored struct {
	piece
	next int32 // the frame of the same datagram that arrived next
}

// waiting is an incomplete datagram.
type waiting struct {
	key       key
	deadline  int64
	older     int32 // the datagram that began before it
	newer     int32 // the datagram that began after it
	last      int32 // the frame that arrived last
	count     int32 // number of frames
	got       int32 // bytes of data that have arrived
	end       int32 // highest end of the data that has arrived; the length of the datagram if ended
	ended     bool  // whether the last fragment has arrived
	headerLen int32 // of the IP header of the first fragment; 0 until it arrives
	largest   uint16
	largestDF uint16 // length of the largest fragment with DF
	ecn       uint8  // the set of ECN fields seen
}

func (s *shard) init(n int) {
	s.due.Store(never)
	s.byKey = make(map[key]int32, n)
	s.cells.init(n)
	s.stored = make([]stored, n+1)
	s.waiting = make([]waiting, n+1)
}

// add stores a fragment and returns its datagram. id is the datagram, or none if the
// fragment is its first to arrive. If the datagram is complete, add removes it from
// all lists.
func (s *shard) add(id int32, k key, frame []byte, p piece, now int64, o *Outcome) int32 {
	if id != none {
		if r := s.check(id, frame, &p); r != Waiting {
			s.refuse(id, r, o)
			return id
		}
	}
	if !s.makeRoom(cellsOf(len(frame)), id, o) {
		s.refuse(id, NoRoom, o)
		return id
	}
	i := s.cells.put(frame)
	s.stored[i] = stored{piece: p}
	if id == none {
		id = i
		s.waiting[id] = waiting{key: k, deadline: now + Timeout, last: i}
		s.link(id)
	}
	s.join(id, i)
	switch o.Result = s.waiting[id].result(); o.Result {
	case Complete:
		s.unlink(id)
	case Malformed:
		o.Dropped = s.drop(id)
	}
	return id
}

// refuse counts a frame that is not stored. Unless the frame is a duplicate, refuse
// also drops the datagram.
func (s *shard) refuse(id int32, r Result, o *Outcome) {
	o.Result, o.Dropped = r, 1
	if r != Duplicate {
		o.Dropped += s.drop(id)
	}
}

// makeRoom evicts the oldest datagrams, but not id, until n cells are free. It
// returns false if that is not possible.
func (s *shard) makeRoom(n int, id int32, o *Outcome) bool {
	for s.cells.left < n {
		victim := s.oldest
		if victim == id {
			victim = s.waiting[id].newer
		}
		if victim == none {
			return false
		}
		o.Evicted += s.drop(victim)
	}
	return true
}

// check compares a fragment with those of the datagram that have arrived. It returns
// Waiting if they are consistent.
func (s *shard) check(id int32, frame []byte, p *piece) Result {
	w := &s.waiting[id]
	if w.ended && p.end() > w.end || p.last && p.end() < w.end {
		return Malformed
	}
	i := id
	for range w.count {
		if q := &s.stored[i]; p.overlaps(&q.piece) {
			data := frame[p.at : int32(p.at)+p.length]
			if p.sameRange(&q.piece) && s.cells.equal(i, int(q.at), data) {
				return Duplicate
			}
			return Overlap
		}
		i = s.stored[i].next
	}
	if w.count == MaxFragments {
		return NoRoom
	}
	return Waiting
}

// join adds the stored frame i to the datagram.
func (s *shard) join(id, i int32) {
	w, p := &s.waiting[id], &s.stored[i].piece
	s.stored[w.last].next = i
	w.last = i
	w.count++
	w.got += p.length
	w.end = max(w.end, p.end())
	w.ended = w.ended || p.last
	if p.offset == 0 {
		w.headerLen = int32(p.ipLen) - p.length
	}
	w.largest = max(w.largest, p.ipLen)
	if p.df {
		w.largestDF = max(w.largestDF, p.ipLen)
	}
	w.ecn |= 1 << (p.tos & ecnMask)
}

// result reports whether the datagram is complete. The fragments do not overlap, and
// none ends after the last one. So the datagram is complete when the sum of their
// lengths equals its length.
func (w *waiting) result() Result {
	if !w.ended || w.got < w.end {
		return Waiting
	}
	if _, ok := combineECN(w.ecn); !ok || w.headerLen+w.end > maxLen {
		return Malformed
	}
	return Complete
}

// expire drops the datagrams whose deadline has passed and returns the number of
// their frames.
func (s *shard) expire(now int64) (frames int) {
	for s.oldest != none && s.waiting[s.oldest].deadline <= now {
		frames += s.drop(s.oldest)
	}
	return frames
}

// drop removes a datagram and returns the number of its frames, 0 for none.
func (s *shard) drop(id int32) (frames int) {
	if id == none {
		return 0
	}
	s.unlink(id)
	return s.release(id)
}

// release frees the frames of a datagram that is in no list and returns their number.
func (s *shard) release(id int32) (frames int) {
	frames = int(s.waiting[id].count)
	i := id
	for range frames {
		next := s.stored[i].next
		s.cells.release(i, int(s.stored[i].frame))
		i = next
	}
	return frames
}

// link adds a new datagram at the end of the list. The clocks of workers can differ,
// so its deadline can be earlier than that of its predecessor. It then expires only
// after the predecessor.
func (s *shard) link(id int32) {
	w := &s.waiting[id]
	s.byKey[w.key] = id
	w.older = s.newest
	if w.older != none {
		s.waiting[w.older].newer = id
	} else {
		s.oldest = id
		s.due.Store(w.deadline)
	}
	s.newest = id
}

// unlink removes a datagram from the map and the list.
func (s *shard) unlink(id int32) {
	w := &s.waiting[id]
	delete(s.byKey, w.key)
	if w.newer != none {
		s.waiting[w.newer].older = w.older
	} else {
		s.newest = w.older
	}
	if w.older != none {
		s.waiting[w.older].newer = w.newer
		return
	}
	s.oldest = w.newer
	s.due.Store(never)
	if s.oldest != none {
		s.due.Store(s.waiting[s.oldest].deadline)
	}
}
