//go:build !race

package ordered

// Store writes the word. On amd64 an aligned store of up to 64 bits is atomic, and
// stores become visible in program order (AMD64 Architecture Programmer's Manual
// volume 2, §7.1.1 and §7.2; Intel 64 SDM volume 3, §9.1.1 and §9.2.2).
func (x *Uint64) Store(v uint64) { x.v = v }

// Store writes the word. See the Store of Uint64.
func (x *Int64) Store(v int64) { x.v = v }

// Store writes the word. See the Store of Uint64.
func (x *Uint32) Store(v uint32) { x.v = v }
