// Package fragment reassembles and fragments IPv4 datagrams (RFC 791 §3.2).
//
// A load balancer in the kernel sees datagrams that the stack has reassembled. The
// director sees the fragments. Only the first fragment has ports, any worker may
// receive any fragment, and they arrive in any order. So they wait in one Table,
// which all workers share, until the datagram is complete.
//
// The worker that adds the last missing fragment gets the datagram in its own
// Datagram. It parses and rewrites it like any other packet. A Splitter then cuts it
// into fragments that are no longer than the longest that arrived. If the datagram is
// not for the director, the kernel gets the original frames, which the Datagram keeps
// for this purpose.
//
// # Memory
//
// The memory of a Table is fixed when it is made. Frames are stored in cells of 256
// bytes, so a small frame needs little memory. If no cell is free, the datagram whose
// first fragment arrived earliest is evicted. The kernel refuses new fragments
// instead when it reaches ipfrag_high_thresh. Then a flood of lone first fragments
// could fill the table for 30 seconds with a few thousand frames. Real datagrams are
// complete within milliseconds after their first fragment. They are lost only if the
// flood fills the whole table within that time, which takes more than ten thousand
// frames with 4 MiB.
//
// # Overlaps
//
// If fragments overlap, different receivers may reassemble different datagrams.
// Therefore the whole datagram is dropped, as RFC 5722 requires for IPv6 and as Linux
// does for IPv4. An exact copy of a fragment is not an overlap; only the copy is
// dropped. Linux is less strict: it treats any fragment whose range has already
// arrived as a copy, without comparing the bytes.
package fragment
