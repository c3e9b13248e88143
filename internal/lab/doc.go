// Package lab builds the network that tests, benchmarks and the demonstration
// run on: clients, a director and real servers, each a network namespace of
// its own, wired with veth pairs through a switch (a bridge per segment in one
// more namespace). It needs root and Linux, no `ip` command, and touches
// nothing outside the namespaces that it makes.
//
// Two arms. The second leg of a client exists for direct routing and
// tunnelling only: by it the servers' answers reach the client without the
// director.
//
//	client1 eth0 .101 ──┐                                         ┌── eth0 .11 rs1
//	client2 eth0 .102 ──┤                                         ├── eth0 .12 rs2
//	  ...               ├─ front ── eth0 director eth1 ── back ───┤    ...
//	                    │           .1            .1              ├── eth0 .14 rs4
//	           198.51.100.0/24                10.0.0.0/24         │
//	client1 eth1 10.0.0.101 ──────────────────────────────────────┘
//
// One arm. Both subnets are on one wire and the director has an address in
// each; with direct routing and tunnelling the servers reach the clients on
// that wire.
//
//	client1 eth0 198.51.100.101 ──┐               ┌── eth0 10.0.0.11 rs1
//	client2 eth0 198.51.100.102 ──┼──── front ────┼── eth0 10.0.0.12 rs2
//	                              │               │
//	                              └─ eth0 ────────┘
//	                               director 198.51.100.1, 10.0.0.1
//
// The virtual address is 192.0.2.10, which the clients route through the
// director, or 198.51.100.10, which they ask for by ARP. The director's kernel
// forwards, for it is the servers' default gateway with every method; only
// their answers to clients bypass it in direct routing and tunnelling, by host
// routes.
//
// A client has more addresses on its own segment if it is to be many
// ([Config].Sources).
//
// In direct routing and tunnelling each server holds the virtual address on its
// loopback and keeps silent about it (arp_ignore 1, arp_announce 2). In
// tunnelling a tc program takes the place of tunnel devices, which not every
// kernel has.
//
// Namespaces are named dirlab-PID-N-HOST under /run/netns, so that
// `ip netns exec` and `nsenter --net=/run/netns/...` look inside. The names are
// all that could outlive the process. They go with [Lab.Close], on SIGINT,
// SIGTERM and SIGHUP, and those of a killed process with the next [New].
package lab
