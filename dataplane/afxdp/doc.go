// Package afxdp implements the fast port: one AF_XDP socket on one NIC queue.
//
// socket_linux.go opens the socket. It lists the steps, from the UMEM to bind.
// Support for a shared UMEM or for longer frames would begin there. ring.go accesses
// the four rings with the memory order that the kernel requires
// (Documentation/networking/af_xdp.rst). Port moves frames through the rings.
//
// The memory (UMEM) is divided into chunks of ChunkSize bytes. A chunk is always in
// exactly one place: on the free stack, in the fill ring, in the kernel, in the
// receive ring, lent to the worker, in the transmit ring, or in the completion ring.
// So a frame is transmitted from the chunk in which it was received, and the director
// copies nothing.
package afxdp
