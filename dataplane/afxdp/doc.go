// Package afxdp is the fast port: one AF_XDP socket on one NIC queue.
//
// github.com/asavie/xdp opens the socket and registers the memory. Its ring
// operations are not used: they have no memory barriers, do not know
// need-wakeup, look for free frames one by one, and panic when a link goes
// down. Port maps the same four rings a second time and drives them itself
// (Documentation/networking/af_xdp.rst). Version
// 0.3.3 is pinned: its successors hand a received frame to the kernel for
// filling while it is still being sent.
//
// The memory (UMEM) is cut into chunks of ChunkSize bytes. A chunk is always in
// exactly one place: on the free stack, in the fill ring, with the kernel, in
// the receive ring, lent to the worker, in the transmit ring, or in the
// completion ring. So a frame is transmitted from where it was received, and
// nothing is copied on our side.
package afxdp
