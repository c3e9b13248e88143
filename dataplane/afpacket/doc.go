// Package afpacket is the port for interfaces that AF_XDP cannot have: a
// packet socket with a TPACKET_V3 receive ring that the kernel fills, and a
// second socket that only transmits.
//
// A packet socket sees frames as the kernel holds them, which is not always as
// they look on a wire. A frame from a stack on the same machine, or one that
// GRO has merged, may be a super-packet of up to 64 KB and its transport
// checksum may be only the sum of the pseudo-header; a VLAN tag may have been
// taken off. The port undoes all three, so that whoever receives from it sees
// wire frames only:
//
//	kernel ── block of the ring ──┬── frame, tag back in, checksum whole ── lent where it lies
//	                              └── super-packet ── segments ──────────── lent in chunks of our own
//
// Lent frames are changed where they lie and sent from there: transmitting
// costs the one copy that the kernel makes. A block goes back to the kernel
// when all of it has been walked and the last frame in it was given back.
//
// A frame that comes alone waits until its block is closed: a millisecond (on
// kernels before 6.18 up to two ticks). That is the price of version 3 of the
// ring, which wakes the worker once per block and not once per frame.
//
// Several ports of one interface form a fan-out group: the kernel spreads flows
// over them by a hash that is the same in both directions.
package afpacket
