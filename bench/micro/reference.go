package micro

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"director/internal/arena"
	"director/packet"
)

// area is memory in which each cache line contains the index of the next one to
// read. It is one cycle through all lines, in random order.
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
	// Sattolo's algorithm makes a permutation with a single cycle.
	random := rand.New(rand.NewPCG(1, 2))
	for i := len(lines) - 1; i > 0; i-- {
		j := random.IntN(i)
		lines[i].next, lines[j].next = lines[j].next, lines[i].next
	}
	return &area{lines: lines}, nil
}

func (a *area) close() { arena.Free(a.lines) }

// read makes n dependent reads.
func (a *area) read(n int) {
	at := a.at
	for range n {
		at = a.lines[at].next
	}
	a.at = at
}

// sweep reads the whole area once, in order. This evicts other tables from the
// caches.
func (a *area) sweep() {
	var sum uint32
	for i := range a.lines {
		sum += a.lines[i].next
	}
	a.at = sum % uint32(len(a.lines))
}

// memory measures the time of a dependent random read, for time d.
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
