package micro

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"director/internal/arena"
	"director/packet"
)

// area is memory in which each cache line names the next one to read: one cycle
// through all of them, in random order.
type area struct {
	lines []line
	at    uint32
}

type line struct {
	next uint32
	_    [15]uint32
}

func newArea(size int) (*area, error) {
	lines, err := arena.Make[line](size / lineLen)
	if err != nil {
		return nil, err
	}
	for i := range lines {
		lines[i].next = uint32(i)
	}
	// Sattolo's algorithm: a permutation of one cycle.
	random := rand.New(rand.NewPCG(1, 2))
	for i := len(lines) - 1; i > 0; i-- {
		j := random.IntN(i)
		lines[i].next, lines[j].next = lines[j].next, lines[i].next
	}
	return &area{lines: lines}, nil
}

func (a *area) close() { arena.Free(a.lines) }

// read reads n times, each time where the last read said.
func (a *area) read(n int) {
	at := a.at
	for range n {
		at = a.lines[at].next
	}
	a.at = at
}

// sweep reads the whole area once, in order: what other tables left in the
// caches is gone then.
func (a *area) sweep() {
	var sum uint32
	for i := range a.lines {
		sum += a.lines[i].next
	}
	a.at = sum % uint32(len(a.lines))
}

// memory returns the nanoseconds of a dependent random read, over time d.
func (a *area) memory(d time.Duration) sample {
	const reads = 4096
	n, start := 0, time.Now()
	for {
		a.read(reads)
		n += reads
		if t := time.Since(start); t >= d {
			return sample{packets: n, time: t}
		}
	}
}

// floor receives, exchanges the Ethernet addresses and transmits.
func floor(p *port, b *packet.Batch) (int, error) {
	if err := p.Recv(b); err != nil {
		return 0, err
	}
	n := b.N
	for i := range n {
		f := &b.Frames[i]
		eth := f.Bytes()
		_ = eth[11]
		front, back := binary.LittleEndian.Uint64(eth), uint64(binary.LittleEndian.Uint32(eth[8:]))
		dst, src := front&(1<<48-1), front>>48|back<<16
		binary.LittleEndian.PutUint64(eth, src|dst<<48)
		binary.LittleEndian.PutUint32(eth[8:], uint32(dst>>16))
		f.Verdict = packet.Tx
	}
	return n, p.Flush(b)
}
