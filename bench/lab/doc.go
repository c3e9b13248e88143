// Package lab measures the director beside what else could stand in its place,
// over real interfaces, the kernel's cost included. It needs root and Linux.
//
// # The network
//
// Three hosts, each a network namespace, on two cables, each a veth pair with a
// queue per worker:
//
//	source src0 ───── in0 director out0 ───── sink0 sink
//	10.1.0.2     10.1.0.1          10.2.0.1     10.2.0.11..14, virtual 192.0.2.10
//
// The load is UDP to port 9 of the virtual address, 64 bytes on the wire, from
// as many clients of 198.18.0.0/15 as there are flows, in turn. Its source is an
// XDP program that the kernel runs over frames of its own making (live frames of
// BPF_PROG_RUN): nothing of a socket or a stack in front of the director. Its sink
// is a tc program that counts what arrives as the contender is to send it, and
// drops it. Answers are not sent: every packet goes one way.
//
// # The contenders
//
//	forward         the director's kernel routes the virtual address to the sink
//	nft             and rewrites the destination first, nftables and conntrack
//	xsk             a loop over AF_XDP sockets that exchanges the Ethernet
//	                addresses, by github.com/asavie/xdp instead of the director's
//	                own ports: what this I/O can do
//	director-M-IO   "director run", four real servers, round robin, by method M
//
// # Who works where
//
// On veth the receive half of a path runs in NAPI on the CPU that sent, the
// transmit half and the receiving at the far end on the CPU that transmits. So
// the kernel's contenders do everything on the CPU of the source, unless RPS moves
// it to the other CPU (the +rps rows), and those with a worker do half there.
// A frame lands on the queue with the number of the CPU that sent it: each
// worker has a source of its own.
package lab
