package afpacket

import (
	"sync/atomic"
	"unsafe"
)

// loadStatus reads a status word. The kernel writes it after the data that it guards,
// and this load orders later reads of that data after it. at must be a multiple of
// four.
func loadStatus(mem []byte, at int) uint32 {
	return atomic.LoadUint32((*uint32)(unsafe.Pointer(&mem[at])))
}

// storeStatus writes a status word. After it, the data that the word guards belongs
// to the kernel.
func storeStatus(mem []byte, at int, v uint32) {
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&mem[at])), v)
}
