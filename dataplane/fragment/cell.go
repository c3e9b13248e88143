package fragment

import "bytes"

const (
	// cellSize is the number of bytes of a frame that a cell holds. A frame of 1514
	// bytes nearly fills six cells. A small frame needs little memory, also in a
	// flood.
	cellSize = 256
	// cellCost is the memory for a cell in bytes, with its share of the tables and of
	// the map.
	cellCost = 400
)

// none means no cell.
const none = 0

// cell holds a part of a stored frame. Cells are identified by their number.
type cell struct {
	next int32 // the next cell of the same frame or of the free list
	data [cellSize]byte
}

// cells is the memory of a shard for frames, with a free list.
type cells struct {
	cell []cell // number 0 is not used
	free int32
	left int // number of free cells
}

func (c *cells) init(n int) {
	c.cell = make([]cell, n+1)
	c.left = n
	c.free = 1
	for i := 1; i < n; i++ {
		c.cell[i].next = int32(i + 1)
	}
}

// cellsOf returns the number of cells that n bytes need.
func cellsOf(n int) int { return (n + cellSize - 1) / cellSize }

// put stores b and returns its first cell. Precondition: enough cells are free.
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

// get copies len(b) bytes to b from the cells that begin with first.
func (c *cells) get(first int32, b []byte) {
	for i := first; len(b) > 0; i = c.cell[i].next {
		b = b[copy(b, c.cell[i].data[:]):]
	}
}

// equal reports whether the frame that begins in cell first contains the bytes b at
// offset from. from must be in the first cell; it is, because headers are shorter
// than a cell.
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

// release frees the cells of a frame of n bytes that begins in cell first.
func (c *cells) release(first int32, n int) {
	last := first
	for range cellsOf(n) - 1 {
		last = c.cell[last].next
	}
	c.cell[last].next = c.free
	c.free = first
	c.left += cellsOf(n)
}
