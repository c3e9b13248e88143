// Package lab compares the director with other forwarders over real interfaces, so
// it includes the kernel's cost. It needs root and Linux.
//
// # The network
//
// There are three hosts, each a network namespace, and two cables, each a veth pair
// with one queue per worker:
//
//	source src0 ───── in0 director out0 ───── sink0 sink
//	10.1.0.2     10.1.0.1          10.2.0.1     10.2.0.11..14, virtual 192.0.2.10
//
// The load is UDP to port 9 of the virtual address, 64 bytes on the wire. Each flow
// has its own client address and port, in 198.18.0.0/15, and the flows take turns.
// The source is an XDP program that the kernel runs over frames that it generates
// (live frames of BPF_PROG_RUN): no socket and no stack is in front of the
// director. The sink is a tc program. It counts the packets that arrive as the
// contender should send them, and drops them. Nothing is answered: all packets go
// one way.
//
// # The contenders
//
//	forward         the director's kernel routes the virtual address to the sink
//	nft             the same after rewriting the destination by nftables and conntrack
//	xsk             a loop over AF_XDP sockets that exchanges the Ethernet
//	                addresses; it uses github.com/asavie/xdp, not the director's
//	                ports: it shows what this I/O can do
//	director-M-IO   "director run", four real servers, round robin, forwarding method M
//
// # Which CPU does what
//
// On veth the receive half of a path runs in NAPI on the CPU that sent. The
// transmit half, and the receiving at the far end, run on the CPU that transmits.
// So the kernel's contenders do everything on the CPU of the source, unless RPS
// moves it to the other CPU (the +rps rows). Contenders with a worker do half of
// the work there. A frame arrives on the queue with the number of the CPU that sent
// it, so each worker has its own source.
package lab
