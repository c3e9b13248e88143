// Package afpacket implements the port for interfaces that do not support AF_XDP. It
// has a packet socket with a TPACKET_V3 receive ring, which the kernel fills, and a
// second socket that only transmits.
//
// A packet socket receives frames in the kernel's form, which can differ from the
// form on the wire. A frame from a stack on the same machine, or a frame that GRO has
// merged, can be a super-packet of up to 64 KB. Its transport checksum can be only
// the sum of the pseudo-header. The kernel can have removed a VLAN tag. The port
// reverts all three, so that its worker receives wire frames only:
//
//	kernel ── block of the ring ──┬── frame, tag restored, checksum complete ── lent in the ring
//	                              └── super-packet ── segments ──────────────── lent in chunks of the port
//
// Lent frames are changed in place and transmitted from there. So transmitting costs
// only the copy that the kernel makes. The port returns a block to the kernel when it
// has read all frames of the block and the worker has returned them.
//
// A single frame waits until the kernel closes its block, which takes a millisecond
// (up to two ticks on kernels before 6.18). In return, version 3 of the ring wakes
// the worker once per block and not once per frame.
//
// Several ports of one interface form a fan-out group. The kernel distributes the
// flows over them by a hash that is the same in both directions.
package afpacket
