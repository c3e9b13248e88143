package afpacket

import (
	"sync/atomic"
	"unsafe"
)

// loadStatus reads a status word that the kernel writes after everything it
// guards; the load keeps our reads of those after it. at is a multiple of four.
func loadStatus(mem []byte, at int) uint32 {
	return atomic.LoadUint32((*uint32)(unsafe.Pointer(&mem[at])))
}

// storeStatus writes a status word, after which what it guards is the kernel's.
func storeStatus(mem []byte, at int, v uint32) {
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&mem[at])), v)
}
