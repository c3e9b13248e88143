package fragment

import (
	"math"
	"sync"
	"sync/atomic"
)

// never is the deadline of no datagram.
const never = math.MaxInt64

// shard is a part of the table: datagrams that share a lock and memory. A
// stored frame is named by the number of its first cell, a datagram by that of
// the first frame that came.
type shard struct {
	due atomic.Int64 // the deadline of the oldest datagram; written under mu

	mu     sync.Mutex // guards what follows
	byKey  map[key]int32
	oldest int32
	newest int32

	cells   cells
	stored  []stored  // by first cell
	waiting []waiting // by first cell of the first frame

	_ [64]byte // the next shard's lock lies on another cache line
}

// stored is a frame in the table.
type stored struct {
	piece
	next int32 // the frame of the same datagram that came after it
}

// waiting is a datagram of which something is missing.
type waiting struct {
	key       key
	deadline  int64
	older     int32 // the datagrams begun before and after it
	newer     int32
	last      int32 // the frame that came last
	count     int32 // frames
	got       int32 // bytes of data
	end       int32 // of the data that came, and with ended of all of it
	ended     bool  // the last fragment has come
	headerLen int32 // of the first fragment's IP header, 0 before it has come
	largest   uint16
	largestDF uint16 // the largest fragment with DF
	ecn       uint8  // the set of ECN fields seen
}

func (s *shard) init(n int) {
	s.due.Store(never)
	s.byKey = make(map[key]int32, n)
	s.cells.init(n)
	s.stored = make([]stored, n+1)
	s.waiting = make([]waiting, n+1)
}

// add stores a fragment of the datagram id, or none, and returns the datagram.
// One that is complete is in no list any more.
func (s *shard) add(id int32, k key, frame []byte, p piece, now int64, o *Outcome) int32 {
	if id != none {
		if r := s.judge(id, frame, &p); r != Waiting {
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

// refuse counts a frame that is not stored, and drops the datagram that it
// spoils: all but a copy do.
func (s *shard) refuse(id int32, r Result, o *Outcome) {
	o.Result, o.Dropped = r, 1
	if r != Duplicate {
		o.Dropped += s.drop(id)
	}
}

// makeRoom drops the oldest datagrams but id until n cells are free.
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

// judge says whether a fragment fits to those of the datagram that have come:
// Waiting if it does.
func (s *shard) judge(id int32, frame []byte, p *piece) Result {
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

// join makes the stored frame i part of the datagram.
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

// result says whether the datagram is whole. Its fragments do not overlap and
// none ends behind the last, so it is when they have as many bytes as it.
func (w *waiting) result() Result {
	if !w.ended || w.got < w.end {
		return Waiting
	}
	if _, ok := combineECN(w.ecn); !ok || w.headerLen+w.end > maxLen {
		return Malformed
	}
	return Complete
}

// expire drops the datagrams whose time is over and returns how many frames
// they were.
func (s *shard) expire(now int64) (frames int) {
	for s.oldest != none && s.waiting[s.oldest].deadline <= now {
		frames += s.drop(s.oldest)
	}
	return frames
}

// drop frees a datagram and returns how many frames it had; none has none.
func (s *shard) drop(id int32) (frames int) {
	if id == none {
		return 0
	}
	s.unlink(id)
	return s.release(id)
}

// release frees the frames of a datagram that is in no list and returns how
// many there were.
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

// link enters a new datagram as the last in the list. Where two workers' clocks
// differ, its deadline may be before that of its predecessor, which it then
// waits for.
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

// unlink takes a datagram out of the map and the list.
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
