package dataplane

import "director/internal/ordered"

// tapSlots is the capacity of a worker's ring in records, a power of two. It is twice
// the number of records in twenty milliseconds at the highest rate.
const tapSlots = 2048

// tapRing carries records from a worker to the goroutine that writes them to the
// capture. One goroutine pushes, and one takes.
type tapRing struct {
	head ordered.Uint32 // next record to take, written by the taker
	_    [60]byte       // keeps the words of the two sides on different cache lines
	tail ordered.Uint32 // next record to fill, written by the worker
	free uint32         // used by the worker: number of records to fill before it reads head again
	_    [56]byte

	records []TapRecord
	data    []byte // snap bytes for each
	snap    int
}

func (r *tapRing) init(snap int) {
	r.records = make([]TapRecord, tapSlots)
	r.data = make([]byte, tapSlots*snap)
	r.snap = snap
	r.free = tapSlots
}

// push copies a record and the beginning of its frame into the ring and reports
// whether there was room.
func (r *tapRing) push(record *TapRecord, data []byte) bool {
	tail := r.tail.Load()
	if r.free == 0 {
		if r.free = tapSlots - (tail - r.head.Load()); r.free == 0 {
			return false
		}
	}
	r.free--
	i := int(tail % tapSlots)
	at := r.data[i*r.snap : (i+1)*r.snap : (i+1)*r.snap]
	s := &r.records[i]
	*s = *record
	s.Data = at[:copy(at, data)]
	r.tail.Store(tail + 1)
	return true
}

// ready reports whether there is a record to take.
func (r *tapRing) ready() bool { return r.head.Load() != r.tail.Load() }

// front returns the next record. Precondition: ready.
func (r *tapRing) front() *TapRecord { return &r.records[r.head.Load()%tapSlots] }

// time returns the time of the front record.
func (r *tapRing) time() int64 { return r.front().Time }

// pop removes the front record.
func (r *tapRing) pop() { r.head.Store(r.head.Load() + 1) }
