// Package afxdp is the fast port: one AF_XDP socket on one NIC queue.
//
// socket_linux.go opens the socket: it lists the steps, from the UMEM to bind.
// A way to share UMEM or to take longer frames begins there. ring.go is our end
// of the four rings, with the memory order that the kernel demands
// (Documentation/networking/af_xdp.rst). Port moves frames through the rings.
//
// The memory (UMEM) is cut into chunks of ChunkSize bytes. A chunk is always in
// exactly one place: on the free stack, in the fill ring, with the kernel, in
// the receive ring, lent to the worker, in the transmit ring, or in the
// completion ring. So a frame is transmitted from where it was received, and
// nothing is copied on our side.
package afxdp
