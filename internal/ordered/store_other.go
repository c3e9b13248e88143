//go:build race || !amd64

package ordered

import "sync/atomic"

// Store writes the word.
func (x *Uint64) Store(v uint64) { atomic.StoreUint64(&x.v, v) }

// Store writes the word.
func (x *Int64) Store(v int64) { atomic.StoreInt64(&x.v, v) }

// Store writes the word.
func (x *Uint32) Store(v uint32) { atomic.StoreUint32(&x.v, v) }
