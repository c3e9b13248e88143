package fragment

import "bytes"

const (
	// cellSize is how many bytes of a frame a cell holds: a frame of 1514
	// bytes fills six of them almost, and a flood of small frames gets little
	// memory for each.
	cellSize = 256
	// cellCost is what a cell takes up with its share of the tables beside it
	// and of the map, in bytes.
	cellCost = 400
)

// none is the number of no cell.
const none = 0

// cell is a part of a stored frame. Cells are named by their number.
type cell struct {
	next int32 // of the same frame, or of the free ones
	data [cellSize]byte
}

// cells is a shard's memory for frames, a free list and nothing more.
type cells struct {
	cell []cell // number 0 is not used
	free int32
	left int // how many are free
}

func (c *cells) init(n int) {
	c.cell = make([]cell, n+1)
	c.left = n
	c.free = 1
	for i := 1; i < n; i++ {
		c.cell[i].next = int32(i + 1)
	}
}

// cellsOf is the number of cells that n bytes need.
func cellsOf(n int) int { return (n + cellSize - 1) / cellSize }

// put stores b and returns its first cell. Precondition: enough are free.
func (c *cells) put(b []byte) int32 {
	first := c.free
	for last := &first; len(b) > 0; last = &c.cell[*last].next {
		n := copy(c.cell[*last].data[:], b)
		b = b[n:]
		c.left--
		c.free = c.cell[*last].next
	}
	return first
}

// get copies the len(b) bytes that are stored from cell first on to b.
func (c *cells) get(first int32, b []byte) {
	for i := first; len(b) > 0; i = c.cell[i].next {
		b = b[copy(b, c.cell[i].data[:]):]
	}
}

// equal reports whether what is stored from cell first on has the bytes b at
// from, which is in the first cell: no header is longer than one.
func (c *cells) equal(first int32, from int, b []byte) bool {
	for i := first; len(b) > 0; i = c.cell[i].next {
		n := min(len(b), cellSize-from)
		if !bytes.Equal(c.cell[i].data[from:from+n], b[:n]) {
			return false
		}
		b, from = b[n:], 0
	}
	return true
}

// release frees the cells of the n bytes that are stored from first on.
func (c *cells) release(first int32, n int) {
	last := first
	for range cellsOf(n) - 1 {
		last = c.cell[last].next
	}
	c.cell[last].next = c.free
	c.free = first
	c.left += cellsOf(n)
}
