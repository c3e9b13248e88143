// Package fragment puts fragmented IPv4 datagrams together and takes them
// apart again (RFC 791 §3.2).
//
// A balancer inside the kernel sees datagrams that the stack has reassembled;
// this one sees the fragments. Only the first shows ports, any worker may
// receive any of them, and they come in any order. So they wait in one Table
// for all workers until the datagram is whole. The worker that brought the
// missing one then has it in its own Datagram, as one packet to be parsed and
// rewritten like any other, and sends it with a Splitter in fragments that are
// no larger than the largest that came. A datagram that is not the director's
// goes back to the kernel as the frames that it came in, which the Datagram
// keeps for that.
//
// # Memory
//
// The Table's memory is fixed when it is made. A frame is stored in cells of
// 256 bytes, so that a small one costs little. When there is no cell left, the
// datagram whose first fragment came earliest is dropped to make room. Refusing
// the newcomer instead, as the kernel does above ipfrag_high_thresh, would let a
// flood of lone first fragments close the table for 30 seconds with a few
// thousand frames. Honest datagrams are whole within milliseconds of their
// first fragment, so they outlive the flood unless it fills the whole table in
// that time: more than ten thousand frames, with 4 MiB.
//
// # Overlaps
//
// Fragments that overlap make the datagram mean one thing to us and another to
// whoever puts it together differently. As RFC 5722 demands for IPv6 and Linux
// does for IPv4, the whole datagram is dropped. An exact copy of a fragment is
// no overlap; the copy alone is dropped. Linux is laxer here: it takes any
// fragment whose range it has already for a copy, whatever the bytes.
package fragment
