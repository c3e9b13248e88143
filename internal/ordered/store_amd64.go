//go:build !race

package ordered

// Store writes the word. Aligned stores of up to 64 bits are whole, and become visible
// in the order of the program (AMD64 Architecture Programmer's Manual volume 2,
// §7.1.1 and §7.2; Intel 64 SDM volume 3, §9.1.1 and §9.2.2).
func (x *Uint64) Store(v uint64) { x.v = v }

// Store writes the word, as that of Uint64 does.
func (x *Int64) Store(v int64) { x.v = v }

// Store writes the word, as that of Uint64 does.
func (x *Uint32) Store(v uint32) { x.v = v }
